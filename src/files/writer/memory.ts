import { dirname, resolve } from 'node:path'
import { type Disk, systemDisk } from './disk.ts'

/** Of tmpfs and ramfs, as statfs(2) tells them. */
const inMemory: ReadonlySet<number> = new Set([0x01021994, 0x858458f6])

/**
 * Whether what lies at a path, or would, lies in memory: a secret on a disk outlives the pod, and is in its backups.
 * Undefined where that cannot be told: the folder is not there, or the system is not Linux.
 */
export async function isInMemory(path: string, disk: Disk = systemDisk): Promise<boolean | undefined> {
  if (process.platform !== 'linux') return undefined
  const place = resolve(path)
  try {
    const isFolder = (await disk.lstat(place).catch(() => undefined))?.isDirectory() === true
    return inMemory.has((await disk.statfs(isFolder ? place : dirname(place))).type)
  } catch {
    return undefined
  }
}
