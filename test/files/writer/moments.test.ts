/** What others could do, or see, between two steps of a publication. */
import {
  constants,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmdirSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { basename, join } from 'node:path'
import t from 'tap'
import type { Content } from '../../../src/files/content.ts'
import type { Disk } from '../../../src/files/writer/disk.ts'
import { publish } from '../../../src/files/writer/publish.ts'
import { SteppedDisk } from '../../support/writer-disk.ts'
import { fileOf, folderOf, writerFolder } from '../../support/writer-look.ts'

const ownership = { mode: 0o440, owner: undefined, group: undefined }
const notRoot = process.getuid?.() === 0 ? false : 'only root may give files to others'
const both: Readonly<Record<string, Content>> = {
  'a file': fileOf('CANARY-value'),
  'a folder': folderOf({ a: 'CANARY-a', 'db/p': 'CANARY-p' }),
}

/** Permissions and group of all that lies below a folder, but for links. */
function below(folder: string): { path: string; mode: number; gid: number; isFile: boolean }[] {
  return readdirSync(folder).flatMap((name) => {
    const path = join(folder, name)
    const stats = lstatSync(path)
    if (stats.isSymbolicLink()) return []
    const one = { path, mode: stats.mode & 0o7777, gid: stats.gid, isFile: stats.isFile() }
    return [one, ...(stats.isDirectory() ? below(path) : [])]
  })
}

for (const [title, content] of Object.entries(both)) {
  t.test(`${title} is open to its own group alone, at every moment`, { skip: notRoot }, async (t) => {
    const folder = writerFolder(t)
    const path = join(folder, 'secrets')
    // What others may enter holds nothing but folders of ours.
    if (content.kind === 'folder') mkdirSync(path)
    const seen = new Set<string>()
    const look = (): void => {
      for (const { path: place, mode, gid, isFile } of below(folder)) {
        if (place === path && !isFile) continue
        seen.add(`${isFile ? 'file' : 'folder'} ${mode.toString(8)}`)
        if ((mode & 0o007) !== 0) t.fail(`${mode.toString(8)} lets anybody in`)
        if ((mode & 0o070) !== 0 && gid !== 4_242) t.fail(`${mode.toString(8)} lets the group ${gid} in`)
      }
    }
    const umask = process.umask(0)
    t.teardown(() => process.umask(umask))
    const { disk } = new SteppedDisk({ before: look })
    t.equal(await publish(path, content, { ...ownership, group: 4_242 }, disk), 'written')
    look()
    const folders = content.kind === 'folder' ? ['folder 700', 'folder 750'] : []
    t.strictSame([...seen].sort(), ['file 440', 'file 600', ...folders])
  })

  t.test(`${title} is on the disk before it can be seen`, async (t) => {
    const path = join(writerFolder(t), 'secrets')
    const steps: string[] = []
    const { disk } = new SteppedDisk({ before: (operation) => void steps.push(operation) })
    if (content.kind === 'folder') mkdirSync(path)
    await publish(path, content, ownership, disk)
    const until = steps.slice(0, steps.indexOf('rename'))
    const files = content.kind === 'folder' ? content.files.size : 1
    const folders = content.kind === 'folder' ? 2 : 0
    t.equal(until.filter((step) => step === 'sync').length, files + folders)
    t.ok(until.lastIndexOf('sync') > until.lastIndexOf('write'))
    t.ok(until.lastIndexOf('sync') > until.lastIndexOf('chmod'))
  })
}

t.test('what is there under the name that is to be written is not written to', async (t) => {
  for (const lay of [symlinkSync, (_target: string, place: string) => writeFileSync(place, 'theirs')]) {
    const folder = writerFolder(t)
    const victim = join(folder, 'victim')
    writeFileSync(victim, 'theirs')
    const { disk: real } = new SteppedDisk()
    const disk: Disk = {
      ...real,
      open: (path, flags, mode) => {
        // Nobody can guess the name; but if somebody did.
        if ((flags & constants.O_CREAT) !== 0) lay(victim, join(folder, basename(path)))
        return real.open(path, flags, mode)
      },
    }
    const path = join(folder, 'secrets')
    await t.rejects(publish(path, fileOf('CANARY-value'), ownership, disk), {
      name: 'WriteError',
      reason: 'place',
    })
    t.equal(readFileSync(victim, 'utf8'), 'theirs')
    t.throws(() => lstatSync(path), { code: 'ENOENT' })
  }
})

t.test('a folder that is swapped for a link as soon as it is made is not written to', async (t) => {
  const folder = writerFolder(t)
  const [path, victim] = [join(folder, 'secrets'), join(folder, 'victim')]
  mkdirSync(path)
  mkdirSync(victim)
  const { disk: real } = new SteppedDisk()
  const disk: Disk = {
    ...real,
    mkdir: async (place, mode) => {
      await real.mkdir(place, mode)
      rmdirSync(place)
      symlinkSync(victim, place)
    },
  }
  await t.rejects(publish(path, folderOf({ a: 'CANARY-a' }), ownership, disk), {
    name: 'WriteError',
    reason: 'place',
  })
  t.strictSame(readdirSync(victim), [])
})

t.test('a link to the very same is no file of ours', async (t) => {
  const folder = writerFolder(t)
  const [path, elsewhere] = [join(folder, 'secrets'), join(folder, 'elsewhere')]
  await publish(elsewhere, fileOf('CANARY-value'), ownership)
  symlinkSync(elsewhere, path)
  t.equal(await publish(path, fileOf('CANARY-value'), ownership), 'written')
  t.ok(lstatSync(path).isFile())
})
