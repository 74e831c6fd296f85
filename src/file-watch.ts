import { type FSWatcher, watch } from 'node:fs'
import { stat } from 'node:fs/promises'
import { basename, dirname } from 'node:path'
import type { Clock, Timer } from './secrets/clock.ts'

export interface FileWatchOptions {
  readonly path: string
  readonly clock: Clock
  /** Called when it is time to look whether the file has changed; it may well not have. */
  readonly look: () => void
}

export interface FileWatchSettings {
  readonly watch: boolean
  /** Between two looks where nothing is reported, in milliseconds. */
  readonly poll: number
}

/** Milliseconds from the first report of a change until the look: whoever writes a file does so in several steps. */
const settling = 100
/** Milliseconds between two looks that reports lead to: a file that never rests must not keep us from everything else. */
const breath = 1_000

/**
 * Says when to look at a file. What the file system reports only makes the look come soon: network file systems report
 * nothing, inotify's watches run out, and a directory that is replaced takes its watch along. The directory is watched
 * and not the file, which takes its watch along as well when it is replaced; in a ConfigMap's volume what is replaced is
 * the link `..data` beside it.
 */
export class FileWatch {
  readonly #options: FileWatchOptions
  #settings: FileWatchSettings = { watch: false, poll: 0 }
  #poll: Timer | undefined
  #soon: Timer | undefined
  #lastSoon = Number.NEGATIVE_INFINITY
  #watcher: FSWatcher | undefined
  /** Which directory is watched, whatever its path stands for later. */
  #watched: string | undefined

  constructor(options: FileWatchOptions) {
    this.#options = options
  }

  /** Begins, ends or changes the watch. */
  set(settings: FileWatchSettings): void {
    this.#settings = settings
    this.#poll?.cancel()
    if (settings.watch) this.#next()
    else this.close()
  }

  /** Looks in a moment, as if a change had been reported; not while the watch is off. */
  soon(): void {
    if (this.#settings.watch) this.#reported()
  }

  close(): void {
    this.#settings = { ...this.#settings, watch: false }
    this.#poll?.cancel()
    this.#soon?.cancel()
    this.#soon = undefined
    this.#release()
  }

  #next(): void {
    const { clock, look } = this.#options
    void this.#renew()
    this.#poll = clock.setTimer(() => {
      look()
      this.#next()
    }, this.#settings.poll)
  }

  /** Not put off by further reports: a flood of them would put it off for ever. */
  #reported(): void {
    if (this.#soon !== undefined) return
    const { clock, look } = this.#options
    const wait = Math.max(settling, this.#lastSoon + breath - clock.now())
    this.#soon = clock.setTimer(() => {
      this.#soon = undefined
      this.#lastSoon = clock.now()
      void this.#renew()
      look()
    }, wait)
  }

  /** Watches the directory that is there now. Where it cannot be watched, what is left is to look at every poll. */
  async #renew(): Promise<void> {
    const { path } = this.#options
    const directory = dirname(path)
    try {
      const { dev, ino } = await stat(directory)
      const identity = `${dev} ${ino}`
      if (!this.#settings.watch || this.#watched === identity) return
      this.#release()
      const watcher = watch(directory, { persistent: false }, (_event, name) => {
        // A directory may hold what changes all the time: logs, say.
        if (name === null || name === basename(path) || name.startsWith('..')) this.#reported()
      })
      watcher.on('error', () => this.#release())
      this.#watcher = watcher
      this.#watched = identity
    } catch {
      this.#release()
    }
  }

  #release(): void {
    this.#watcher?.close()
    this.#watcher = undefined
    this.#watched = undefined
  }
}
