import type { NotificationConfig } from '../../config/schema/notify.ts'
import type { Clock, Random } from '../../secrets/clock.ts'
import type { NotifyObserver } from './observer.ts'
import { tellerOf } from './tellers.ts'
import { Telling } from './telling.ts'

export type { NotifyObserver } from './observer.ts'

export interface NotifierOptions {
  /** Of the file, as configured. */
  readonly path: string
  readonly notifications: readonly NotificationConfig[]
  /** Milliseconds. */
  readonly debounceMs: number
  readonly clock: Clock
  readonly random: Random
  readonly observer: NotifyObserver
  /** The sidecar's own environment; process.env by default. */
  readonly env?: NodeJS.ProcessEnv
}

/** Tells of the changes of one file. Its notifications know nothing of each other: one that hangs delays no other. */
export class Notifier {
  readonly #tellings: readonly Telling[]

  constructor(options: NotifierOptions) {
    const { path, debounceMs, clock, random, observer, env = process.env } = options
    this.#tellings = options.notifications.map(
      (config, index) =>
        new Telling({
          path,
          index,
          teller: tellerOf(config, clock, env),
          debounceMs,
          clock,
          random,
          observer,
        }),
    )
  }

  /** The file was published, and these secrets were added, changed or removed. Returns at once, and never throws. */
  changed(names: readonly string[]): void {
    for (const telling of this.#tellings) telling.changed(names)
  }

  /**
   * The names that somebody has not been told of: for whoever takes over the file, who is asked to tell of them. Good
   * after `close` too, which a telling that it ends does not change.
   */
  get untold(): readonly string[] {
    return [...new Set(this.#tellings.flatMap(({ untold }) => untold))]
  }

  /** Nothing is told any more. Resolves when what was under way has been ended: a program may take 2 s for that. */
  async close(): Promise<void> {
    await Promise.all(this.#tellings.map((telling) => telling.close()))
  }
}
