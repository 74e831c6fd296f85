import { mkdirSync, readdirSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import type { Content } from '../../../src/files/content.ts'
import { WriteError } from '../../../src/files/content.ts'
import { publish } from '../../../src/files/writer/publish.ts'
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

for (const [title, prepare] of Object.entries(worlds)) {
  t.test(`${title} is tried without a trace, at whatever step that fails`, async (t) => {
    let failures = 0
    for (let at = 1, isBeyond = false; !isBeyond; at += 1) {
      const around = writerFolder(t)
      const path = join(around, 'secrets')
      const kind = await prepare(path)
      const [before, names] = [seen(path, kind), readdirSync(around)]
      await using disk = new SteppedDisk({ fail: { at, code: 'EROFS' } })
      const error = await tryPlace(path, kind, ownership, disk.disk).catch((error: unknown) => error)
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
  const tried = (path: string, kind: Content['kind']) =>
    tryPlace(path, kind, ownership).catch(({ reason, message }: WriteError) => `${reason}: ${message}`)
  t.match(await tried(folder, 'file'), /^place: cannot write .* a folder lies there$/)
  t.match(await tried(file, 'folder'), /^place: .*\(ENOTDIR\)$/)
  t.match(await tried(link, 'folder'), /^place: .*\(ENOTDIR\)$/)
  for (const kind of ['file', 'folder'] as const) {
    t.match(await tried(join(around, 'none', 'it'), kind), /^place: .* does not exist \(ENOENT\)$/)
  }
})

t.test('so is a group that may not be given', async (t) => {
  const around = writerFolder(t)
  const given = { ...ownership, group: 65_500 }
  for (const kind of ['file', 'folder'] as const) {
    const codes: string[] = []
    for (let at = 1, isBeyond = false; !isBeyond; at += 1) {
      await using disk = new SteppedDisk({ fail: { at, code: 'EPERM' } })
      const error = await tryPlace(join(around, kind), kind, given, disk.disk).catch(
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
