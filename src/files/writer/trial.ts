import { basename, dirname, resolve } from 'node:path'
import type { Content, Ownership } from '../content.ts'
import { type Disk, systemDisk } from './disk.ts'
import { codeOf, inWords, Misplaced, mountPoint } from './failure.ts'
import { isFolder } from './file.ts'
import { HeldFolder, openIfThere } from './held-folder.ts'
import { lookInto, refuseOccupied } from './links.ts'
import { isMountPoint } from './mount-point.ts'
import { createFile } from './new-file.ts'
import { removeTree, writeSet } from './set.ts'
import { inside, type Temporaries, temporariesOf } from './temporary.ts'
import { treeOf } from './tree.ts'

/**
 * Finds out whether something can be published at a path, by steps of a publication that nobody sees who goes by names:
 * something empty is made, with its permissions and owners, renamed and removed again; of a folder a set, and a link to
 * it. That happens beside a file, and beside a folder that is not there yet, but in a folder that is: whoever watches it
 * (inotify) may see names such as `..RANDOM.sidekeep` come and go. Where that is cut short, what is left has a name that
 * every publication sweeps.
 *
 * What stands in the way is looked for besides: a folder, or a mount, in the place of a file; of a folder, what publishing
 * refuses in it, which is another `..data` and whatever has one of the `names`.
 *
 * Not known before: whether there is room; whether what lies there may be replaced, where that is another user's and the
 * folder has the sticky bit; and what names there will be that are not given here.
 *
 * @param names of files that are to be published in a folder, by their path below it, as far as they are known
 * @throws WriteError, as a publication would
 */
export async function tryPlace(
  path: string,
  kind: Content['kind'],
  ownership: Ownership,
  names: readonly string[],
  disk: Disk = systemDisk,
): Promise<void> {
  const place = resolve(path)
  try {
    await (kind === 'file' ? tryFile(disk, place, ownership) : tryFolder(disk, place, ownership, names))
  } catch (error) {
    throw inWords(place, 'write', error)
  }
}

async function tryFile(disk: Disk, path: string, ownership: Ownership): Promise<void> {
  await using folder = await HeldFolder.open(disk, dirname(path), { follow: true })
  const name = basename(path)
  if (await isFolder(disk, folder, name)) {
    throw new Misplaced('a folder lies there', 'Remove it, or choose another path.')
  }
  if (await isMountPoint(disk, folder, name)) throw mountPoint()
  using temporary = temporariesOf(name).claim()
  using renamed = temporariesOf(name).claim()
  try {
    await createFile(folder, temporary.name, Buffer.alloc(0), ownership)
    await folder.rename(temporary.name, renamed.name)
    await remove(folder, renamed.name)
  } catch (error) {
    for (const { name } of [temporary, renamed]) await folder.unlink(name).catch(() => {})
    throw error
  }
}

async function tryFolder(
  disk: Disk,
  path: string,
  ownership: Ownership,
  names: readonly string[],
): Promise<void> {
  const tree = treeOf(new Map(names.map((name) => [name, Buffer.alloc(0)])))
  await using folder = await openIfThere(disk, path, { follow: false })
  if (folder !== undefined) {
    refuseOccupied(await lookInto(folder), tree.keys())
    return await trySet(folder, inside(), ownership)
  }
  await using parent = await HeldFolder.open(disk, dirname(path), { follow: true })
  await trySet(parent, temporariesOf(basename(path)), ownership)
}

async function trySet(folder: HeldFolder, names: Temporaries, ownership: Ownership): Promise<void> {
  using temporary = names.claim()
  using link = names.claim()
  using renamed = names.claim()
  const { name } = temporary
  try {
    {
      await using set = await folder.createFolder(name)
      await writeSet(set, new Map([['trial', Buffer.alloc(0)]]), ownership)
    }
    await folder.symlink(name, link.name)
    await folder.rename(link.name, renamed.name)
    await remove(folder, renamed.name)
  } catch (error) {
    for (const { name } of [link, renamed]) await folder.unlink(name).catch(() => {})
    await removeTree(folder, { name })
    throw error
  }
  await removeTree(folder, { name })
}

async function remove(folder: HeldFolder, name: string): Promise<void> {
  await folder.unlink(name).catch((error: unknown) => {
    // The sidecar itself may be running, and sweep it first.
    if (codeOf(error) !== 'ENOENT') throw error
  })
}
