import { basename, dirname } from 'node:path'
import type { Ownership } from '../content.ts'
import type { Disk } from './disk.ts'
import { codeOf, Misplaced } from './failure.ts'
import { HeldFolder, openIfThere } from './held-folder.ts'
import { createFile } from './new-file.ts'
import { isSame } from './same.ts'
import { removeTree } from './set.ts'
import { temporariesOf } from './temporary.ts'

/** A file is written beside its place under another name, and takes its place by rename(2): there is no moment between. */
export async function publishFile(
  disk: Disk,
  path: string,
  bytes: Buffer,
  ownership: Ownership,
): Promise<'written' | 'unchanged'> {
  await using folder = await HeldFolder.open(disk, dirname(path), { follow: true })
  const name = basename(path)
  await refuseFolder(disk, folder, name)
  await sweepFiles(folder, name)
  if (await isSame(folder, name, bytes, ownership)) return 'unchanged'
  using temporary = temporariesOf(name).claim()
  try {
    await createFile(folder, temporary.name, bytes, ownership)
    await folder.rename(temporary.name, name)
  } catch (error) {
    // Why it failed matters more than what is left of it, which is swept later.
    await folder.unlink(temporary.name).catch(() => {})
    throw error
  }
  await folder.sync()
  return 'written'
}

export async function unpublishFile(disk: Disk, path: string): Promise<'removed' | 'absent'> {
  await using folder = await openIfThere(disk, dirname(path), { follow: true })
  if (folder === undefined) return 'absent'
  const name = basename(path)
  await sweepFiles(folder, name)
  // Nothing that was ever published as a file.
  if (await isFolder(disk, folder, name)) return 'absent'
  try {
    await folder.unlink(name)
  } catch (error) {
    if (codeOf(error) === 'ENOENT') return 'absent'
    throw error
  }
  await folder.sync()
  return 'removed'
}

/** Removes what a killed run left beside a file, as far as it can, and says how many files that was. */
export async function sweepFiles(folder: HeldFolder, name: string): Promise<number> {
  const temporaries = temporariesOf(name)
  let swept = 0
  for (const entry of await folder.list().catch(() => [])) {
    if (!temporaries.isLeftOver(entry.name)) continue
    const isRemoved = entry.isDirectory()
      ? await removeTree(folder, entry)
      : await folder.unlink(entry.name).then(
          () => true,
          () => false,
        )
    if (isRemoved) swept += 1
  }
  return swept
}

async function refuseFolder(disk: Disk, folder: HeldFolder, name: string): Promise<void> {
  if (await isFolder(disk, folder, name)) {
    throw new Misplaced('a folder lies there', 'Remove it, or choose another path.')
  }
}

/** Whether a folder lies in it by that name. */
export async function isFolder(disk: Disk, folder: HeldFolder, name: string): Promise<boolean> {
  const found = await disk.lstat(folder.at(name)).catch(() => undefined)
  return found?.isDirectory() === true
}
