import type { BigIntStats } from 'node:fs'
import { close, constants, fstat, lstat, open, read, write, writeSync } from 'node:fs'
import { resolve } from 'node:path'
import { promisify } from 'node:util'
import { CodedError } from '../errors.ts'
import type { Appended, Sink } from './sink.ts'

/** Writes as much of a buffer from an offset on as there is room for, and says how much that was. */
export type Write = (fd: number, buffer: Buffer, offset: number) => Promise<number>

const calls = {
  close: promisify(close),
  open: promisify(open),
  stat: (fd: number) => promisify(fstat)(fd, { bigint: true }),
  lookAt: (path: string) => promisify(lstat)(path, { bigint: true }),
}

const systemWrite: Write = async (fd, buffer, offset) =>
  (await promisify(write)(fd, buffer, offset)).bytesWritten

/** Not through a link, which somebody else may have put there; and without waiting where it is a pipe that nobody reads. */
const flags =
  constants.O_WRONLY | constants.O_APPEND | constants.O_CREAT | constants.O_NOFOLLOW | constants.O_NONBLOCK

const newline = Buffer.from('\n')

/** A file that lines are appended to, made for its owner alone where there is none. */
export class AuditFile implements Sink {
  readonly name: string
  readonly #write: Write
  /** Undefined where what was open has no name any more and nothing could be opened in its place. */
  #fd: number | undefined
  /** Whether its last line may lack its end. */
  #isTorn: boolean

  /**
   * Opens it.
   *
   * @throws SIDEKEEP_AUDIT_UNWRITABLE
   */
  static async open(path: string, write: Write = systemWrite): Promise<AuditFile> {
    return new AuditFile(path, write, await opened(path))
  }

  private constructor(path: string, write: Write, { fd, isTorn }: Opened) {
    this.name = path
    this.#write = write
    this.#fd = fd
    this.#isTorn = isTorn
  }

  async append(text: string): Promise<Appended> {
    const fd = this.#fd
    if (fd === undefined) return { written: 0, error: noFile(this.name) }
    const lines = Buffer.from(text)
    const lead = this.#isTorn ? newline.length : 0
    const chunk = lead > 0 ? Buffer.concat([newline, lines]) : lines
    let at = 0
    try {
      while (at < chunk.length) {
        const taken = await this.#write(fd, chunk, at)
        // Not said to happen with a regular file, and never to be tried for ever.
        if (taken === 0) throw new Error('the system took nothing')
        at += taken
      }
      this.#isTorn = false
      return { written: lines.length }
    } catch (error) {
      if (at > 0) this.#isTorn = chunk[at - 1] !== newline[0]
      return { written: Math.max(0, at - lead), error }
    }
  }

  async renew(force: boolean): Promise<unknown> {
    const fd = this.#fd
    try {
      if (!force && fd !== undefined && (await isAt(this.name, fd))) return undefined
      const next = await opened(this.name)
      this.#fd = next.fd
      this.#isTorn = next.isTorn
    } catch (error) {
      // What was moved away still takes lines; what was deleted takes them along.
      if (fd !== undefined && (await calls.stat(fd)).nlink === 0n) {
        this.#fd = undefined
        await calls.close(fd)
      }
      return error
    }
    if (fd !== undefined) await calls.close(fd)
    return undefined
  }

  appendLast(lines: string): void {
    if (this.#fd === undefined) return
    try {
      writeSync(this.#fd, this.#isTorn ? `\n${lines}` : lines)
    } catch {
      // There is nobody left to tell.
    }
  }

  async close(): Promise<void> {
    const fd = this.#fd
    this.#fd = undefined
    if (fd !== undefined) await calls.close(fd)
  }
}

interface Opened {
  readonly fd: number
  readonly isTorn: boolean
}

async function opened(path: string): Promise<Opened> {
  let fd: number
  try {
    fd = await calls.open(path, flags, 0o600)
  } catch (error) {
    throw unwritable(path, codeOf(error), error)
  }
  try {
    const stats = await calls.stat(fd)
    if (!stats.isFile()) throw unwritable(path, 'no regular file')
    return { fd, isTorn: await lacksEnd(path, stats) }
  } catch (error) {
    await calls.close(fd)
    throw error
  }
}

/** Whether a process that was killed, or a disk that was full, left half a line at the end. */
async function lacksEnd(path: string, { size, dev, ino }: BigIntStats): Promise<boolean> {
  if (size === 0n) return false
  let reader: number
  try {
    reader = await calls.open(path, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK)
  } catch {
    // It may be appended to and not be read: then an empty line is better than two in one.
    return true
  }
  try {
    const now = await calls.stat(reader)
    if (now.dev !== dev || now.ino !== ino || now.size === 0n) return now.size !== 0n
    const last = Buffer.alloc(1)
    await promisify(read)(reader, last, 0, 1, Number(now.size - 1n))
    return last[0] !== newline[0]
  } finally {
    await calls.close(reader)
  }
}

async function isAt(path: string, fd: number): Promise<boolean> {
  const mine = await calls.stat(fd)
  try {
    const there = await calls.lookAt(path)
    return there.dev === mine.dev && there.ino === mine.ino
  } catch {
    return false
  }
}

function codeOf(error: unknown): string {
  return error instanceof Error && 'code' in error ? String(error.code) : 'unknown error'
}

const remedies: Readonly<Record<string, { readonly what: string; readonly remedy: string }>> = {
  ENOENT: { what: 'its directory does not exist (ENOENT)', remedy: 'Create it' },
  ENOTDIR: { what: 'a part of its path is no directory (ENOTDIR)', remedy: 'Create the directory' },
  EACCES: { what: 'the process may not (EACCES)', remedy: 'Let the user of the process write there' },
  EPERM: { what: 'the process may not (EPERM)', remedy: 'Let the user of the process write there' },
  EROFS: { what: 'the file system is read-only (EROFS)', remedy: 'Mount a volume that can be written to' },
  ELOOP: { what: 'a symbolic link lies there (ELOOP)', remedy: 'Name the file itself' },
  EISDIR: { what: 'a directory lies there (EISDIR)', remedy: 'Name a file in it' },
  ENOSPC: { what: 'the disk is full (ENOSPC)', remedy: 'Make room' },
  ENXIO: { what: 'no regular file lies there', remedy: 'Remove it' },
  'no regular file': { what: 'no regular file lies there', remedy: 'Remove it' },
}

function unwritable(path: string, code: string, cause?: unknown): CodedError {
  const { what, remedy } = remedies[code] ?? { what: code, remedy: 'Check the path' }
  const args = [resolve(path), what, `${remedy}, or choose another path with audit.file.`]
  return new CodedError('SIDEKEEP_AUDIT_UNWRITABLE', args, cause === undefined ? {} : { cause })
}

function noFile(path: string): CodedError {
  return unwritable(path, 'the file was deleted, and no other could be opened')
}
