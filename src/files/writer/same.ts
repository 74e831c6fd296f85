import type { Stats } from 'node:fs'
import type { Ownership } from '../content.ts'
import type { OpenFile } from './disk.ts'
import type { HeldFolder } from './held-folder.ts'
import { permissions } from './new-file.ts'

/** Whether a file lies there already, as it would be written. What cannot be found out counts as no. */
export async function isSame(
  folder: HeldFolder,
  name: string,
  bytes: Buffer,
  ownership: Ownership,
): Promise<boolean> {
  let file: OpenFile
  try {
    file = await folder.file(name)
  } catch {
    return false
  }
  try {
    const stats = await file.stat()
    if (!stats.isFile() || stats.size !== bytes.length) return false
    if (!isOwnedAs(stats, ownership, await folder.self.stat())) return false
    return await holds(file, bytes)
  } catch {
    return false
  } finally {
    await file.close().catch(() => {})
  }
}

/**
 * Whether permissions and owners are as asked for. Without a group, that of the folder is right and our own is: which of
 * the two a new file gets is up to the folder (setgid) and to how its volume is mounted.
 */
export function isOwnedAs(stats: Stats, { mode, owner, group }: Ownership, around: Stats): boolean {
  if ((stats.mode & permissions) !== mode) return false
  if (stats.uid !== (owner ?? process.geteuid?.() ?? stats.uid)) return false
  return group === undefined
    ? stats.gid === around.gid || stats.gid === process.getegid?.()
    : stats.gid === group
}

/** Reads no more than there should be, and overwrites what it read. */
async function holds(file: OpenFile, bytes: Buffer): Promise<boolean> {
  const found = Buffer.alloc(bytes.length)
  try {
    let at = 0
    while (at < found.length) {
      const { bytesRead } = await file.read(found, at, found.length - at, at)
      if (bytesRead === 0) return false
      at += bytesRead
    }
    return found.equals(bytes)
  } finally {
    found.fill(0)
  }
}
