import {
  chmodSync,
  chownSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  realpathSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { type Disk, systemDisk } from '../../../src/files/writer/disk.ts'
import { isInMemory } from '../../../src/files/writer/memory.ts'
import { publish, sweepLeftovers, unpublish } from '../../../src/files/writer/publish.ts'
import { SteppedDisk } from '../../support/writer-disk.ts'
import {
  expected,
  fileOf,
  folderOf,
  seen,
  seenThroughLinks,
  writerFolder,
} from '../../support/writer-look.ts'

const ownership = { mode: 0o440, owner: undefined, group: undefined }
const notRoot = process.getuid?.() === 0 ? false : 'only root may give files to others'
const random = 'A'.repeat(22)

/** All that tells whether something was touched, by path. */
function traces(path: string): string[] {
  const { ino, mtimeNs, ctimeNs } = lstatSync(path, { bigint: true })
  const below = lstatSync(path).isDirectory() ? readdirSync(path).sort() : []
  return [`${path} ${ino} ${mtimeNs} ${ctimeNs}`, ...below.flatMap((name) => traces(join(path, name)))]
}

t.test('what is there already is not touched, and what was tampered with is put right', async (t) => {
  const path = join(writerFolder(t), 'secrets')
  const content = fileOf('CANARY-one')
  const tampering: Array<() => void> = [
    () => chmodSync(path, 0o644),
    () => {
      chmodSync(path, 0o600)
      writeFileSync(path, 'CANARY-two')
      chmodSync(path, 0o440)
    },
    () => rmSync(path),
    () => {
      rmSync(path)
      symlinkSync('/dev/null', path)
    },
  ]
  t.equal(await publish(path, content, ownership), 'written')
  const before = traces(path)
  t.equal(await publish(path, content, ownership), 'unchanged')
  t.strictSame(traces(path), before)
  for (const tamper of tampering) {
    tamper()
    t.equal(await publish(path, content, ownership), 'written')
    t.strictSame(seen(path, 'file'), expected(content, 0o440))
    t.ok(lstatSync(path).isFile())
  }
})

t.test('a folder that is as it should be is not touched, and is put right otherwise', async (t) => {
  const path = join(writerFolder(t), 'secrets')
  const content = folderOf({ a: 'CANARY-a', 'db/p': 'CANARY-p' })
  const set = () => realpathSync(join(path, '..data'))
  const tampering: Array<() => void> = [
    () => chmodSync(join(set(), 'a'), 0o644),
    () => chmodSync(join(set(), 'db'), 0o777),
    () => writeFileSync(join(set(), 'db', 'more'), ''),
    () => rmSync(join(set(), 'db', 'p')),
    () => rmSync(join(path, 'a')),
    () => symlinkSync('..data/gone', join(path, 'gone')),
    () => rmSync(join(path, '..data')),
  ]
  t.equal(await publish(path, content, ownership), 'written')
  const before = traces(path)
  t.equal(await publish(path, content, ownership), 'unchanged')
  t.strictSame(traces(path), before)
  for (const tamper of tampering) {
    tamper()
    t.equal(await publish(path, content, ownership), 'written', String(tamper))
    t.strictSame(seen(path, 'folder'), expected(content, 0o440))
    t.strictSame(seenThroughLinks(path), expected(content, 0o440))
    t.strictSame(
      readdirSync(path)
        .filter((name) => !name.startsWith('..'))
        .sort(),
      ['a', 'db'],
    )
  }
})

t.test('permissions are exact whatever the umask, and folders let in who may read', async (t) => {
  const modes = (path: string) => (lstatSync(path).mode & 0o7777).toString(8)
  const umask = process.umask()
  t.teardown(() => process.umask(umask))
  for (const [mode, folder] of [
    [0o400, '700'],
    [0o440, '750'],
    [0o644, '755'],
    [0o666, '755'],
  ] as const) {
    for (const mask of [0o077, 0o000]) {
      const around = writerFolder(t)
      process.umask(mask)
      await publish(join(around, 'file'), fileOf('CANARY'), { ...ownership, mode })
      await publish(join(around, 'folder'), folderOf({ 'db/p': 'CANARY' }), { ...ownership, mode })
      process.umask(umask)
      const set = realpathSync(join(around, 'folder', '..data'))
      t.strictSame(
        [join(around, 'file'), join(set, 'db', 'p'), set, join(set, 'db'), join(around, 'folder')].map(modes),
        [mode.toString(8), mode.toString(8), folder, folder, '755'],
      )
    }
  }
})

t.test('owners and groups are set, and changed', { skip: notRoot }, async (t) => {
  const around = writerFolder(t)
  const ids = (path: string) => [lstatSync(path).uid, lstatSync(path).gid]
  const [file, folder] = [join(around, 'file'), join(around, 'folder')]
  for (const [owner, group] of [
    [1_001, 2_001],
    [1_002, undefined],
    [undefined, 2_002],
  ]) {
    const to = { mode: 0o400, owner, group }
    for (const [path, content] of [
      [file, fileOf('CANARY')],
      [folder, folderOf({ a: 'CANARY' })],
    ] as const) {
      t.equal(await publish(path, content, to), 'written')
      t.equal(await publish(path, content, to), 'unchanged')
    }
    const wanted = [owner ?? 0, group ?? 0]
    t.strictSame([ids(file), ids(realpathSync(join(folder, 'a')))], [wanted, wanted])
    const set = realpathSync(join(folder, '..data'))
    t.strictSame(
      [ids(set), lstatSync(set).mode & 0o7777],
      [[0, group ?? 0], owner === undefined ? 0o700 : 0o711],
    )
  }
})

t.test('without a group, that of a folder which hands it down is taken', { skip: notRoot }, async (t) => {
  const around = writerFolder(t)
  chownSync(around, 0, 3_003)
  chmodSync(around, 0o2775)
  for (const [path, content] of [
    [join(around, 'file'), fileOf('CANARY')],
    [join(around, 'folder'), folderOf({ 'db/p': 'CANARY' })],
  ] as const) {
    t.equal(await publish(path, content, ownership), 'written')
    t.equal(await publish(path, content, ownership), 'unchanged')
  }
  t.equal(lstatSync(join(around, 'file')).gid, 3_003)
  t.equal(lstatSync(realpathSync(join(around, 'folder', 'db', 'p'))).gid, 3_003)
  t.equal(lstatSync(join(around, 'folder')).mode & 0o7777, 0o2755)
})

t.test('links that others put there lead nowhere else', async (t) => {
  const around = writerFolder(t)
  const elsewhere = mkdtempSync(join(around, 'elsewhere-'))
  writeFileSync(join(elsewhere, 'theirs'), 'as it was')
  symlinkSync(join(elsewhere, 'theirs'), join(around, 'file'))
  symlinkSync(elsewhere, join(around, 'folder'))
  t.equal(await publish(join(around, 'file'), fileOf('CANARY'), ownership), 'written')
  t.ok(lstatSync(join(around, 'file')).isFile())
  await t.rejects(publish(join(around, 'folder'), folderOf({ a: 'CANARY' }), ownership), {
    name: 'WriteError',
    reason: 'place',
  })

  const path = join(around, 'set')
  await publish(path, folderOf({ a: 'CANARY' }), ownership)
  const set = realpathSync(join(path, '..data'))
  symlinkSync(elsewhere, join(set, 'trap'))
  symlinkSync(elsewhere, join(path, `..${random}.sidekeep`))
  await publish(path, folderOf({ a: 'CANARY new' }), ownership)
  rmSync(join(path, '..data'))
  symlinkSync(elsewhere, join(path, '..data'))
  await publish(path, folderOf({ a: 'CANARY new' }), ownership)
  t.match(readlinkSync(join(path, '..data')), /^\.\.[\w-]{22}\.sidekeep$/)
  t.strictSame(readdirSync(elsewhere), ['theirs'])
  t.equal(readFileSync(join(elsewhere, 'theirs'), 'utf8'), 'as it was')
})

t.test('a folder that is swapped for a link while it is written leads nowhere else', async (t) => {
  const around = writerFolder(t)
  const [path, elsewhere] = [join(around, 'set'), join(around, 'elsewhere')]
  mkdirSync(path)
  mkdirSync(elsewhere)
  let isSwapped = false
  const { disk } = new SteppedDisk({
    before: (operation) => {
      const fresh = operation === 'write' && readdirSync(path).find((name) => name.endsWith('.sidekeep'))
      if (!fresh || isSwapped) return
      isSwapped = true
      rmSync(join(path, fresh), { recursive: true })
      symlinkSync(elsewhere, join(path, fresh))
    },
  })
  await publish(path, folderOf({ a: 'CANARY', b: 'CANARY' }), ownership, disk).catch(() => {})
  t.ok(isSwapped)
  t.strictSame(readdirSync(elsewhere), [])
})

t.test('what is left over is known by its name, and nobody else loses anything', async (t) => {
  const around = writerFolder(t)
  const path = join(around, 'secrets.json')
  const theirs = [`.other.json.${random}.sidekeep`, '.secrets.json.short.sidekeep', `.secrets.json.${random}`]
  for (const name of [...theirs, `.secrets.json.${random}.sidekeep`])
    writeFileSync(join(around, name), 'CANARY')
  t.equal(await sweepLeftovers(path, 'file'), 1)
  t.equal(await sweepLeftovers(path, 'file'), 0)
  t.strictSame(readdirSync(around).sort(), [...theirs].sort())

  const folder = join(around, 'folder')
  await publish(folder, folderOf({ a: 'CANARY' }), ownership)
  mkdirSync(join(folder, `..${random}.sidekeep`, 'db'), { recursive: true })
  symlinkSync('..data/b', join(folder, `..${'B'.repeat(22)}.sidekeep`))
  writeFileSync(join(folder, 'theirs'), '')
  mkdirSync(join(around, `.folder.${random}.sidekeep`))
  t.equal(await sweepLeftovers(folder, 'folder'), 3)
  t.equal(await sweepLeftovers(join(around, 'missing', 'folder'), 'folder'), 0)
  t.strictSame(readdirSync(folder).slice(-2), ['a', 'theirs'])
})

t.test('a run does not sweep what another of this process is writing', async (t) => {
  const path = join(writerFolder(t), 'secrets')
  let swept = -1
  const { disk } = new SteppedDisk({
    before: async (operation) => {
      if (operation === 'rename') swept = await sweepLeftovers(path, 'file')
    },
  })
  t.equal(await publish(path, fileOf('CANARY'), ownership, disk), 'written')
  t.equal(swept, 0)
})

t.test('what was published is removed, and what others put there stays', async (t) => {
  const around = writerFolder(t)
  const [file, folder] = [join(around, 'file'), join(around, 'folder')]
  await publish(file, fileOf('CANARY'), ownership)
  await publish(folder, folderOf({ a: 'CANARY', 'db/p': 'CANARY' }), ownership)
  writeFileSync(join(folder, 'theirs'), '')
  t.strictSame([await unpublish(file, 'file'), await unpublish(file, 'file')], ['removed', 'absent'])
  t.strictSame([await unpublish(folder, 'folder'), await unpublish(folder, 'folder')], ['removed', 'absent'])
  t.strictSame(readdirSync(folder), ['theirs'])
  for (const kind of ['file', 'folder'] as const) {
    t.equal(await unpublish(join(around, 'missing', 'one'), kind), 'absent')
  }
})

t.test('what lies there as something else was never published, and is left alone', async (t) => {
  const around = writerFolder(t)
  const [file, folder, link] = [join(around, 'file'), join(around, 'folder'), join(around, 'link')]
  await publish(file, fileOf('CANARY'), ownership)
  await publish(folder, folderOf({ a: 'CANARY' }), ownership)
  symlinkSync(folder, link)
  t.equal(await unpublish(folder, 'file'), 'absent')
  t.equal(await unpublish(file, 'folder'), 'absent')
  t.equal(await unpublish(link, 'folder'), 'absent')
  t.strictSame(readFileSync(join(link, 'a'), 'utf8'), 'CANARY')
  t.strictSame(readFileSync(file, 'utf8'), 'CANARY')
})

t.test('names may be as long as they can be', async (t) => {
  const around = writerFolder(t)
  const path = join(around, 'n'.repeat(255))
  t.equal(await publish(path, fileOf('CANARY'), ownership), 'written')
  t.equal(await publish(path, fileOf(''), ownership), 'written')
  t.strictSame(seen(path, 'file'), expected(fileOf(''), 0o440))
})

t.test('whether a place is in memory is told where that can be told', async (t) => {
  const disk = (type: number) => ({ ...new SteppedDisk().disk, statfs: async () => ({ type }) })
  const isLinux = process.platform === 'linux'
  t.equal(await isInMemory('/x', disk(0x01021994)), isLinux ? true : undefined)
  t.equal(await isInMemory('/x', disk(0x858458f6)), isLinux ? true : undefined)
  t.equal(await isInMemory('/x', disk(0xef53)), isLinux ? false : undefined)
  t.equal(await isInMemory(join(writerFolder(t), 'missing', 'file')), undefined)
})

t.test('what others lay under a name of ours, however deep, takes few descriptors', async (t) => {
  const folder = writerFolder(t)
  const deep = join(folder, `..${random}.sidekeep`, ...new Array<string>(1_000).fill('d'))
  mkdirSync(deep, { recursive: true })
  let [open, most] = [0, 0]
  const counting: Disk = {
    ...systemDisk,
    async open(...args) {
      const file = await systemDisk.open(...args)
      most = Math.max(most, ++open)
      const close = file.close.bind(file)
      file.close = async () => {
        open -= 1
        await close()
      }
      return file
    },
  }
  const secrets = folderOf({ 'db/password': 'CANARY-one' })
  t.equal(await publish(folder, secrets, ownership, counting), 'written')
  t.equal(open, 0)
  t.ok(most < 200, `${most} at the same time`)
  t.equal(readFileSync(join(folder, 'db/password'), 'utf8'), 'CANARY-one')
})

t.test('a set as deep as a name can be is removed', async (t) => {
  const folder = writerFolder(t)
  const name = new Array<string>(128).fill('d').join('/')
  await publish(folder, folderOf({ [name]: 'CANARY-one' }), ownership)
  await unpublish(folder, 'folder')
  t.strictSame(readdirSync(folder), [])
})
