import { basename, dirname, resolve } from 'node:path'
import type { Content, Ownership } from '../content.ts'
import { type Disk, systemDisk } from './disk.ts'
import { codeOf, inWords, Misplaced } from './failure.ts'
import { isFolder } from './file.ts'
import { HeldFolder, openIfThere } from './held-folder.ts'
import { createFile } from './new-file.ts'
import { removeTree, writeSet } from './set.ts'
import { inside, type Temporaries, temporariesOf } from './temporary.ts'

/**
 * Finds out whether something can be published at a path, by doing all of it but what would be seen: something empty is made
 * beside the place, with its permissions and owners, and removed again. Where that is cut short, the name that is left is
 * one that every publication sweeps. Whether there is room cannot be known before.
 *
 * @throws WriteError, as a publication would
 */
export async function tryPlace(
  path: string,
  kind: Content['kind'],
  ownership: Ownership,
  disk: Disk = systemDisk,
): Promise<void> {
  const place = resolve(path)
  try {
    await (kind === 'file' ? tryFile(disk, place, ownership) : tryFolder(disk, place, ownership))
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
  using temporary = temporariesOf(name).claim()
  try {
    await createFile(folder, temporary.name, Buffer.alloc(0), ownership)
  } catch (error) {
    await folder.unlink(temporary.name).catch(() => {})
    throw error
  }
  await folder.unlink(temporary.name).catch((error: unknown) => {
    // The sidecar itself may be running, and sweep it first.
    if (codeOf(error) !== 'ENOENT') throw error
  })
}

async function tryFolder(disk: Disk, path: string, ownership: Ownership): Promise<void> {
  await using folder = await openIfThere(disk, path, { follow: false })
  if (folder !== undefined) return await trySet(folder, inside(), ownership)
  await using parent = await HeldFolder.open(disk, dirname(path), { follow: true })
  await trySet(parent, temporariesOf(basename(path)), ownership)
}

async function trySet(folder: HeldFolder, names: Temporaries, ownership: Ownership): Promise<void> {
  using temporary = names.claim()
  const { name } = temporary
  try {
    await using set = await folder.createFolder(name)
    await writeSet(set, new Map([['trial', Buffer.alloc(0)]]), ownership)
  } catch (error) {
    await removeTree(folder, { name })
    throw error
  }
  await removeTree(folder, { name })
}
