import type { Stats } from 'node:fs'
import { chmod, chown, lstat, mkdir, realpath, rmdir, stat } from 'node:fs/promises'
import { dirname } from 'node:path'
import { CannotListen, systemCode } from './cannot-listen.ts'

export interface FolderRules {
  /** Whether a folder is fine in which everybody may create files. */
  readonly shared: boolean
  /** The option that says so, for messages. */
  readonly option: string
  /** What a folder that has to be made must let in: those who may connect to the socket. */
  readonly mode: number
  /** The group of the socket, where it is to have one; and whether somebody else owns it. */
  readonly gid: number | undefined
  readonly isGivenAway: boolean
  /** Whose folders are trusted beside root's; the user of the process, unless told else. */
  readonly us?: number | undefined
}

const [othersMayWrite, sticky, setgid] = [0o002, 0o1000, 0o2000]

/**
 * Makes sure of the folder of a socket: whoever may create files in it, or rename a folder above it, can put a socket of
 * their own in the place of ours, and callers would send their tokens there. A folder that is missing is created; one
 * above it is not.
 *
 * @returns a warning where the folder is shared and may be
 * @throws CannotListen
 */
export async function readyFolder(folder: string, rules: FolderRules): Promise<string | undefined> {
  const missing = !(await exists(folder))
  const existing = missing ? dirname(folder) : folder
  const replaceable = await replaceableBy(existing, rules.us ?? process.geteuid?.())
  // A folder that we make in one with the sticky bit is ours; a socket there could be somebody's while we are away.
  const open = replaceable ?? (await writableByAll(existing, missing))
  if (open !== undefined && !rules.shared) {
    throw new CannotListen(
      `everybody may create or replace files in ${open}, and so put a socket of their own in the place of this one`,
      `Choose a folder that only the sidecar's user may write to. Where others cannot write after all (in Kubernetes: an emptyDir volume that all other containers mount readOnly), set ${rules.option}: true.`,
    )
  }
  if (missing) await create(folder, rules)
  if (open === undefined) return undefined
  return `everybody may create or replace files in ${open}: whoever has write access there can put a socket of their own in the place of this one. Mount it readOnly in all other containers.`
}

/** Who may connect must be able to pass through; nobody but us may write. */
async function create(folder: string, { mode, gid, isGivenAway }: FolderRules): Promise<void> {
  const passes = (mode & 0o002) !== 0 || isGivenAway ? 0o011 : (mode & 0o020) !== 0 ? 0o010 : 0
  try {
    await mkdir(folder, 0o700)
  } catch (error) {
    if (systemCode(error) !== 'EEXIST') throw error
    throw new CannotListen(
      'a link to nowhere lies where its folder is to be',
      'Remove it, or choose another folder.',
      error,
    )
  }
  try {
    if (gid !== undefined) await chown(folder, -1, gid)
    // A folder above it may have handed down its group for what is created inside (setgid).
    await chmod(folder, ((await stat(folder)).mode & setgid) | 0o700 | passes)
  } catch (error) {
    await rmdir(folder)
    throw error
  }
}

/** The sticky bit protects what is made in a folder, but not the place of what is not there yet. */
async function writableByAll(folder: string, makesFolder: boolean): Promise<string | undefined> {
  const { mode } = await stat(folder)
  return (mode & othersMayWrite) === 0 || (makesFolder && (mode & sticky) !== 0) ? undefined : folder
}

/**
 * The folder on the way to this one in which others can replace the next step: one that all may write to, without the
 * sticky bit, or with it where the next step belongs to somebody else. Both ways count, the one that is written and the
 * one that links lead to.
 */
async function replaceableBy(folder: string, us: number | undefined): Promise<string | undefined> {
  for (const way of new Set([folder, await realpath(folder)])) {
    for (let step = way; step !== dirname(step); step = dirname(step)) {
      const above = dirname(step)
      const { mode } = await stat(above)
      if ((mode & othersMayWrite) === 0) continue
      if ((mode & sticky) === 0 || !isTrusted(await lstat(step), us)) return above
    }
  }
  return undefined
}

/** Root can do anything as it is. */
function isTrusted({ uid }: Stats, us: number | undefined): boolean {
  return uid === 0 || uid === us
}

async function exists(path: string): Promise<boolean> {
  return await stat(path).then(
    () => true,
    (error) => {
      if (systemCode(error) === 'ENOENT') return false
      throw error
    },
  )
}
