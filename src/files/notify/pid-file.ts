import { constants, type FileHandle, open } from 'node:fs/promises'
import { resolve } from 'node:path'
import type { Clock } from '../../secrets/clock.ts'
import { NotifyError } from './error.ts'

/** Bytes that are read of the file; no number that is taken needs as many. */
const longest = 32

export interface PidFileOptions {
  readonly path: string
  /** Milliseconds that one reading may take. */
  readonly timeout: number
  readonly clock: Pick<Clock, 'setTimer'>
  /** In place of the file system's own. */
  readonly read?: (path: string) => Promise<string>
  /** Those that are under way; of the whole process by default. */
  readonly readings?: Readings
}

/** The end of each reading that is under way, by the resolved path: it never rejects. */
export type Readings = Map<string, Promise<void>>

/** Several notifications may name one file, and a changed configuration makes new ones while a reading hangs. */
const ofProcess: Readings = new Map()

/**
 * A file that holds the id of a process, read anew each time. It may lie on a share whose server does not answer: nothing
 * ends a system call that hangs there, so that it is left alone, and no second one is begun beside it, whoever wants
 * it: each would take one of the few threads that all files of the sidecar are read and written by.
 */
export class PidFile {
  readonly #options: PidFileOptions

  constructor(options: PidFileOptions) {
    this.#options = options
  }

  /**
   * The beginning of what it holds.
   *
   * @throws NotifyError, and the signal's reason as soon as that aborts
   */
  async text(signal: AbortSignal): Promise<string> {
    const { path, timeout, clock, read = readBeginning, readings = ofProcess } = this.#options
    signal.throwIfAborted()
    const { promise: late, reject } = Promise.withResolvers<never>()
    const timer = clock.setTimer(() => reject(tooLong(path, timeout)), timeout)
    const end = (): void => reject(signal.reason)
    signal.addEventListener('abort', end, { once: true })
    try {
      const place = resolve(path)
      // Of those who wait the first begins the next one, for which the others wait.
      for (let former = readings.get(place); former !== undefined; former = readings.get(place)) {
        await Promise.race([former, late])
      }
      const reading = read(path)
      const over = (): void => void readings.delete(place)
      readings.set(place, reading.then(over, over))
      return await Promise.race([reading, late])
    } finally {
      timer.cancel()
      signal.removeEventListener('abort', end)
    }
  }
}

/**
 * Links are followed: whoever may write the file says anyway which process is meant, nothing of what it holds is shown,
 * and a link is how a pid file is often laid where it is looked for. A pipe or a device is not waited for.
 */
async function readBeginning(path: string): Promise<string> {
  let handle: FileHandle | undefined
  try {
    handle = await open(path, constants.O_RDONLY | constants.O_NONBLOCK)
    if (!(await handle.stat()).isFile()) {
      throw new NotifyError('place', `pidFile ${path} is no regular file`, 'Name the file itself.')
    }
    const { buffer, bytesRead } = await handle.read(Buffer.alloc(longest), 0, longest, 0)
    return buffer.toString('latin1', 0, bytesRead)
  } catch (error) {
    throw error instanceof NotifyError ? error : notRead(codeOf(error), path)
  } finally {
    await handle?.close()
  }
}

function tooLong(path: string, timeout: number): NotifyError {
  const remedy = 'Check the volume that it lies on: a share whose server does not answer? Or raise timeout.'
  return new NotifyError('timeout', `pidFile ${path} could not be read within ${timeout} ms`, remedy)
}

function notRead(code: string, path: string): NotifyError {
  const message = `pidFile ${path} cannot be read (${code})`
  if (code === 'ENOENT' || code === 'ENOTDIR') {
    const remedy =
      'Have the application write its process id there once it takes the signal, on a volume that both containers mount.'
    return new NotifyError('place', message, remedy)
  }
  if (code === 'EACCES' || code === 'EPERM') {
    return new NotifyError('denied', message, "Let the sidecar's user read it.")
  }
  return new NotifyError('io', message, 'Check the volume that it lies on.')
}

/** The system's code of an error, for a message. */
export function codeOf(error: unknown): string {
  return error instanceof Error && 'code' in error && typeof error.code === 'string'
    ? error.code
    : 'unknown error'
}
