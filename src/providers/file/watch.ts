import { type FSWatcher, watch } from 'node:fs'
import { stat } from 'node:fs/promises'
import { dirname } from 'node:path'
import type { ProviderContext } from '../../secrets/provider.ts'
import { codeOf, isAbsent } from './failure.ts'
import { differences, snapshot } from './snapshot.ts'

export interface WatchOptions {
  readonly path: string
  /** Milliseconds between two looks when nothing is reported. */
  readonly poll: number
  readonly context: ProviderContext
  readonly changed: (key?: string) => void
  readonly signal: AbortSignal
}

/** Milliseconds in which the events of one change arrive; far below the second in which changes are to be noticed. */
const settling = 50

/**
 * Calls `changed` when the file or directory at `path` changes, until the signal aborts. What the file system reports
 * only says when to look, and every `poll` it is looked at anyway: network file systems report nothing, inotify's
 * watches run out, and a directory that is replaced takes its watch along.
 */
export async function watchPath(options: WatchOptions): Promise<void> {
  const { path, changed, signal } = options
  const pause = new Pause(options)
  using reports = new Reports(options, () => pause.shorten())
  await reports.renew()
  let last = await snapshot(path)
  while (!signal.aborted) {
    await pause.next()
    if (signal.aborted) return
    await reports.renew()
    const now = await snapshot(path)
    for (const name of differences(last, now)) changed(name)
    last = now
  }
}

/** The time between two looks. */
class Pause {
  readonly #options: WatchOptions
  #reported = false
  #wake = (): void => {}

  constructor(options: WatchOptions) {
    this.#options = options
  }

  /** Something was reported: look soon. */
  shorten(): void {
    this.#reported = true
    this.#wake()
  }

  /** Resolves after `poll`, or when what was reported has settled, or when the signal aborts. */
  async next(): Promise<void> {
    if (!this.#reported) await this.#wait(this.#options.poll, true)
    // Not put off by further reports: a flood of them would put it off for ever.
    if (this.#reported) await this.#wait(settling, false)
    this.#reported = false
  }

  async #wait(ms: number, endsEarly: boolean): Promise<void> {
    const { context, signal } = this.#options
    if (signal.aborted) return
    const { promise, resolve } = Promise.withResolvers<void>()
    const end = (): void => resolve()
    const timer = context.clock.setTimer(end, ms)
    signal.addEventListener('abort', end, { once: true })
    if (endsEarly) this.#wake = end
    await promise
    this.#wake = () => {}
    timer.cancel()
    signal.removeEventListener('abort', end)
  }
}

/** The file system's own reports, as long as it gives any. */
class Reports {
  readonly #options: WatchOptions
  readonly #reported: () => void
  #watcher: FSWatcher | undefined
  #watched: string | undefined
  #warned = false

  constructor(options: WatchOptions, reported: () => void) {
    this.#options = options
    this.#reported = reported
  }

  /** Watches the directory itself, or the one that a file is in: a file that is replaced takes its watch along. */
  async renew(): Promise<void> {
    try {
      const { path } = this.#options
      const stats = await stat(path).catch(() => undefined)
      const directory = stats?.isDirectory() ? path : dirname(path)
      const { ino, dev } = await stat(directory)
      const identity = `${directory} ${dev} ${ino}`
      if (this.#watcher !== undefined && this.#watched === identity) return
      this.#close()
      this.#watcher = watch(directory, { persistent: false }, this.#reported)
      this.#watcher.on('error', () => this.#close())
      this.#watched = identity
    } catch (error) {
      this.#close()
      this.#warn(error)
    }
  }

  [Symbol.dispose](): void {
    this.#close()
  }

  #close(): void {
    this.#watcher?.close()
    this.#watcher = undefined
    this.#watched = undefined
  }

  #warn(error: unknown): void {
    if (this.#warned || isAbsent(error)) return
    this.#warned = true
    const { path, poll, context } = this.#options
    const why = codeOf(error) ?? 'unknown error'
    context.warn(
      `provider "${context.name}": ${path} cannot be watched (${why}); it is looked at every ${poll} ms.`,
    )
  }
}
