import type { Dirent, Stats } from 'node:fs'
import {
  type FileHandle,
  lstat,
  mkdir,
  open,
  readdir,
  readFile,
  readlink,
  rename,
  rmdir,
  statfs,
  symlink,
  unlink,
} from 'node:fs/promises'
import { setTimeout } from 'node:timers/promises'

export type OpenFile = Pick<
  FileHandle,
  'fd' | 'read' | 'write' | 'stat' | 'chmod' | 'chown' | 'sync' | 'close'
>

/** What the writer does to the file system, so that a test can end a run between any two steps, or let one fail. */
export interface Disk {
  open(path: string, flags: number, mode?: number): Promise<OpenFile>
  lstat(path: string): Promise<Stats>
  readlink(path: string): Promise<string>
  list(path: string): Promise<Dirent[]>
  mkdir(path: string, mode: number): Promise<unknown>
  symlink(target: string, path: string): Promise<void>
  rename(from: string, to: string): Promise<void>
  unlink(path: string): Promise<void>
  rmdir(path: string): Promise<void>
  statfs(path: string): Promise<{ readonly type: number }>
  /** Which mount a descriptor's file is reached through; undefined where the system does not tell. */
  mountOf(fd: number): Promise<string | undefined>
  /** @param time in milliseconds */
  pause(time: number): Promise<unknown>
}

export const systemDisk: Disk = {
  open,
  lstat,
  readlink,
  list: (path) => readdir(path, { withFileTypes: true }),
  mkdir,
  symlink,
  rename,
  unlink,
  rmdir,
  statfs,
  mountOf,
  pause: setTimeout,
}

/** Of the files in /proc/PID/fdinfo (proc(5)) Linux's own have it, those of gVisor have not. */
async function mountOf(fd: number): Promise<string | undefined> {
  const info = await readFile(`/proc/self/fdinfo/${fd}`, 'latin1').catch(() => '')
  return /^mnt_id:\s*([0-9]+)$/m.exec(info)?.[1]
}
