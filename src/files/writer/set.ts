import type { Dirent } from 'node:fs'
import type { Ownership } from '../content.ts'
import type { HeldFolder } from './held-folder.ts'
import { createFile, settle } from './new-file.ts'
import { isOwnedAs, isSame } from './same.ts'
import type { Tree } from './tree.ts'

/** Writes a set of files into a folder that is ours alone, and then lets others into it. */
export async function writeSet(folder: HeldFolder, tree: Tree, ownership: Ownership): Promise<void> {
  for (const [name, content] of tree) {
    if (content instanceof Map) {
      await using below = await folder.createFolder(name)
      await writeSet(below, content, ownership)
    } else await createFile(folder, name, content, ownership)
  }
  await settle(folder.self, ofFolder(ownership))
  await folder.sync()
}

/** Whether a folder holds a set as it would be written, and nothing else. What cannot be found out counts as no. */
export async function isSameSet(
  around: HeldFolder,
  name: string,
  tree: Tree,
  ownership: Ownership,
): Promise<boolean> {
  try {
    await using folder = await around.folder(name)
    const stats = await folder.self.stat()
    if (!isOwnedAs(stats, ofFolder(ownership), await around.self.stat())) return false
    if ((await folder.list()).length !== tree.size) return false
    for (const [below, content] of tree) {
      const same = await (content instanceof Map
        ? isSameSet(folder, below, content, ownership)
        : isSame(folder, below, content, ownership))
      if (!same) return false
    }
    return true
  } catch {
    return false
  }
}

/** How many folders a set has one in the other at the most: names of secrets have up to 256 bytes. */
const deepest = 128

/**
 * Removes a folder and what is in it, as far as it can; links are removed and not followed. Each level keeps a descriptor
 * open, and who shares the volume can lay a thousand there under a name of ours: then callers would find none left. What
 * is deeper than any set is nobody's of ours, and stays.
 */
export async function removeTree(
  around: HeldFolder,
  { name }: Pick<Dirent, 'name'>,
  levels = deepest,
): Promise<boolean> {
  if (levels === 0) return false
  try {
    {
      await using folder = await around.folder(name)
      for (const entry of await folder.list()) {
        if (entry.isDirectory()) await removeTree(folder, entry, levels - 1)
        else await folder.unlink(entry.name)
      }
    }
    await around.rmdir(name)
    return true
  } catch {
    return false
  }
}

/**
 * Who may read the files may list and enter their folders. These stay the sidecar's own, with the right to write, or it
 * could not remove them: whoever else owns the files comes through as one of the others.
 */
function ofFolder({ mode, owner, group }: Ownership): Ownership {
  const readers = (mode & 0o044) | ((mode & 0o044) >> 2)
  const through = owner === undefined || owner === process.geteuid?.() ? 0 : 0o011
  return { mode: 0o700 | readers | through, owner: undefined, group }
}
