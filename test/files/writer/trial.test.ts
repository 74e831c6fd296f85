import { execFileSync } from 'node:child_process'
import { mkdirSync, readdirSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import type { Content } from '../../../src/files/content.ts'
import { WriteError } from '../../../src/files/content.ts'
import type { Disk } from '../../../src/files/writer/disk.ts'
import { publish, sweepLeftovers } from '../../../src/files/writer/publish.ts'
import { tryPlace } from '../../../src/files/writer/trial.ts'
import { SteppedDisk } from '../../support/writer-disk.ts'
import { fileOf, folderOf, leftovers, seen, writerFolder } from '../../support/writer-look.ts'

const ownership = { mode: 0o440, owner: undefined, group: undefined }

/** The state of a place before it is tried, and what is to lie there. */
const worlds: Record<string, (folder: string) => Promise<Content['kind']>> = {
  'a file that is not there yet': async () => 'file',
  'a file that is there': async (path) => {
    await publish(path, fileOf('CANARY'), ownership)
    return 'file'
  },
  'a folder that is not there yet': async () => 'folder',
  'a folder that is there': async (path) => {
    await publish(path, folderOf({ a: 'CANARY', 'db/p': 'CANARY' }), ownership)
    return 'folder'
  },
}

/** What a trial says is in the way; undefined where nothing is. */
const tried = (path: string, kind: Content['kind'], names: readonly string[] = [], disk?: Disk) =>
  tryPlace(path, kind, ownership, names, disk).catch(
    ({ reason, message, remedy }: WriteError) => `${reason}: ${message}. ${remedy}`,
  )

for (const [title, prepare] of Object.entries(worlds)) {
  t.test(`${title} is tried without a trace, at whatever step that fails`, async (t) => {
    let failures = 0
    for (let at = 1, isBeyond = false; !isBeyond; at += 1) {
      const around = writerFolder(t)
      const path = join(around, 'secrets')
      const kind = await prepare(path)
      const [before, names] = [seen(path, kind), readdirSync(around)]
      await using disk = new SteppedDisk({ fail: { at, code: 'EROFS' } })
      const error = await tryPlace(path, kind, ownership, ['a', 'db/p'], disk.disk).catch(
        (error: unknown) => error,
      )
      isBeyond = disk.failed === undefined
      if (error !== undefined) {
        t.ok(error instanceof WriteError, `step ${at} (${disk.failed}): ${error}`)
        failures += 1
      }
      t.strictSame(seen(path, kind), before)
      // What cannot be removed then is swept by whoever writes there.
      if (disk.failed === 'unlink' || (error === undefined && !isBeyond)) continue
      t.strictSame(readdirSync(around), names, `step ${at} (${disk.failed})`)
      t.strictSame(leftovers(around, path, kind), [], `step ${at} (${disk.failed})`)
    }
    t.ok(failures > 3)
  })
}

t.test('what a publication would fail by is said without one', async (t) => {
  const around = writerFolder(t)
  const [file, folder, link] = [join(around, 'file'), join(around, 'folder'), join(around, 'link')]
  writeFileSync(file, '')
  mkdirSync(folder)
  symlinkSync(folder, link)
  t.match(await tried(folder, 'file'), /^place: cannot write .* a folder lies there\. /)
  t.match(await tried(file, 'folder'), /^place: .*\(ENOTDIR\)\. /)
  t.match(await tried(link, 'folder'), /^place: .*\(ENOTDIR\)\. /)
  for (const kind of ['file', 'folder'] as const) {
    t.match(await tried(join(around, 'none', 'it'), kind), /^place: .* does not exist \(ENOENT\)\. /)
  }
})

t.test('so is a group that may not be given', async (t) => {
  const around = writerFolder(t)
  const given = { ...ownership, group: 65_500 }
  for (const kind of ['file', 'folder'] as const) {
    const codes: string[] = []
    for (let at = 1, isBeyond = false; !isBeyond; at += 1) {
      await using disk = new SteppedDisk({ fail: { at, code: 'EPERM' } })
      const error = await tryPlace(join(around, kind), kind, given, [], disk.disk).catch(
        (error: unknown) => error,
      )
      isBeyond = disk.failed === undefined
      if (disk.failed === 'chown') codes.push(`${error}`)
    }
    t.match(codes[0], 'the sidecar may not give it that owner or group (EPERM)', kind)
  }
  t.strictSame(
    readdirSync(around).filter((name) => !name.endsWith('.sidekeep')),
    [],
  )
})

t.test('a file that has a volume of its own on it is no place: rename gives EBUSY', async (t) => {
  const around = writerFolder(t)
  const path = join(around, 'secrets')
  writeFileSync(path, '')
  for (const [mounts, isIn] of [
    [['7', '7'], false],
    [['8', '7'], true],
  ] as const) {
    let asked = 0
    const disk = new SteppedDisk({ mountOf: async () => mounts[asked++] })
    const expected = isIn
      ? `place: cannot write ${path}: it is a mount point. Mount the volume at its folder and not at the file (no subPath).`
      : undefined
    t.equal(await tried(path, 'file', [], disk.disk), expected)
  }
  // Where the system does not tell of mounts, one of another device is known.
  const silent = new SteppedDisk({ mountOf: async () => undefined })
  t.equal(await tried(path, 'file', [], silent.disk), undefined)
  t.strictSame(readdirSync(around), ['secrets'])
})

const mayMount = ((): boolean => {
  try {
    execFileSync('unshare', ['-Urm', 'true'], { stdio: 'ignore' })
    return true
  } catch {
    return false
  }
})()

t.test(
  'so it is with the system itself, and as a publication says',
  { skip: mayMount ? false : 'no mounts may be made here' },
  async (t) => {
    const around = writerFolder(t)
    const path = join(around, 'secrets')
    for (const name of ['secrets', 'source']) writeFileSync(join(around, name), '')
    const module = (name: string): string =>
      JSON.stringify(join(import.meta.dirname, '../../../src/files/writer', `${name}.ts`))
    const script = `
      const { tryPlace } = await import(${module('trial')})
      const { publish } = await import(${module('publish')})
      const ownership = { mode: 0o440, owner: undefined, group: undefined }
      const path = process.argv[1]
      const said = (work) => work.then(() => 'fine', ({ message, remedy }) => message + '. ' + remedy)
      console.log(await said(tryPlace(path, 'file', ownership, [])))
      console.log(await said(publish(path, { kind: 'file', bytes: Buffer.from('new') }, ownership)))`
    const inMounts = (mount: string): string[] =>
      execFileSync(
        'unshare',
        ['-Urm', '/bin/sh', '-c', `${mount}; exec "$0" --input-type=module -e "$1" "$2"`].concat(
          process.execPath,
          script,
          path,
        ),
        { encoding: 'utf8' },
      )
        .trimEnd()
        .split('\n')
    const [trial, publication] = inMounts(`mount --bind '${join(around, 'source')}' '${path}'`)
    t.match(trial, /it is a mount point\. Mount the volume at its folder/)
    t.match(publication, /it is a mount point \(EBUSY\)\. Mount the volume at its folder/)
    t.strictSame(
      inMounts(`mount --bind '${around}' '${around}'`),
      ['fine', 'fine'],
      'but its folder may have one',
    )
    t.strictSame(readdirSync(around).sort(), ['secrets', 'source'])
  },
)

t.test('what a publication refuses in a folder, a trial finds', async (t) => {
  const around = writerFolder(t)
  const files = { a: 'CANARY', 'db/p': 'CANARY' }
  const lay: Record<string, (folder: string) => void> = {
    a: (folder) => writeFileSync(join(folder, 'a'), ''),
    db: (folder) => mkdirSync(join(folder, 'db')),
    '..data': (folder) => mkdirSync(join(folder, '..data')),
  }
  for (const [name, put] of Object.entries(lay)) {
    const path = join(around, `with-${name}`)
    mkdirSync(path)
    put(path)
    const said = await tried(path, 'folder', Object.keys(files))
    t.match(said, new RegExp(`^place: cannot write .*: ${name.replaceAll('.', '\\.')} in it is `))
    t.equal(
      said,
      await publish(path, folderOf(files), ownership).then(
        () => undefined,
        ({ reason, message, remedy }: WriteError) => `${reason}: ${message}. ${remedy}`,
      ),
    )
  }
  t.equal(await tried(join(around, 'with-a'), 'folder', ['b']), undefined, 'others may have what is theirs')
  const own = join(around, 'own')
  await publish(own, folderOf(files), ownership)
  t.equal(await tried(own, 'folder', Object.keys(files)), undefined)
})

t.test('a volume that has no links, or no renaming, is none for files', async (t) => {
  for (const [kind, operation] of [
    ['folder', 'symlink'],
    ['folder', 'rename'],
    ['file', 'rename'],
  ] as const) {
    const around = writerFolder(t)
    const disk = new SteppedDisk().disk
    const refuse = async (): Promise<never> => {
      throw Object.assign(new Error('injected'), { code: 'EPERM' })
    }
    t.match(await tried(join(around, 'it'), kind, [], { ...disk, [operation]: refuse }), /^denied: .*EPERM/)
    t.strictSame(readdirSync(around), [])
  }
})

for (const [title, prepare] of Object.entries(worlds)) {
  t.test(`${title}: what a trial that is killed leaves is swept`, async (t) => {
    for (let endAfter = 1, isWhole = false; !isWhole; endAfter += 1) {
      const around = writerFolder(t)
      const path = join(around, 'secrets')
      const kind = await prepare(path)
      const names = readdirSync(around)
      await using disk = new SteppedDisk({ endAfter })
      await tryPlace(path, kind, ownership, ['a', 'db/p'], disk.disk).catch(() => {})
      isWhole = !disk.hasEnded
      await sweepLeftovers(path, kind)
      t.strictSame(readdirSync(around), names, `after ${endAfter} steps`)
      t.strictSame(leftovers(around, path, kind), [], `after ${endAfter} steps`)
    }
  })
}
