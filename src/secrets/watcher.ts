import { backoffDelay } from './backoff.ts'
import type { Clock, Random } from './clock.ts'
import type { SecretsObserver } from './observer.ts'
import type { ProviderError } from './provider.ts'
import type { Job, Schedule } from './schedule.ts'
import type { Source } from './source.ts'

/** A watch that held for this long, in milliseconds, was a good one: the backoff begins anew after it. */
const goodWatch = 5 * 60_000

export interface WatcherOptions {
  readonly source: Source
  readonly clock: Clock
  readonly random: Random
  readonly schedule: Schedule
  readonly observer: SecretsObserver
  readonly changed: (key?: string) => void
}

/** Keeps the watch of a source going: one that fails is started again, with backoff. */
export class Watcher implements Job {
  plannedFor: number | undefined
  slot = -1
  readonly #options: WatcherOptions
  /** How many watches have failed in a row. */
  #failures = 0
  #stopped = false

  constructor(options: WatcherOptions) {
    this.#options = options
  }

  start(): void {
    const { source, clock } = this.#options
    const began = clock.now()
    void source
      .watch((key) => this.#changed(key))
      .then((error) => {
        if (error === undefined || this.#stopped) return
        this.#failures = clock.now() - began >= goodWatch ? 1 : this.#failures + 1
        this.#tryAgain(error)
      })
  }

  /** Starts no further watch, and passes nothing on any more. The one under way ends with its source. */
  stop(): void {
    this.#stopped = true
    this.#options.schedule.drop(this)
  }

  /** As the schedule calls it when it is time to try again. */
  run(): void {
    this.start()
    // What changed between two watches was seen by none of them.
    this.#changed()
  }

  #changed(key?: string): void {
    if (!this.#stopped) this.#options.changed(key)
  }

  #tryAgain(error: ProviderError): void {
    const { source, clock, random, schedule, observer } = this.#options
    const attempt = this.#failures
    const nextTryMs = backoffDelay(attempt, Number.POSITIVE_INFINITY, error.retryAfterMs, random)
    observer.failed({ provider: source.name, secrets: [], error, attempt, nextTryMs, declared: true })
    schedule.plan(this, clock.now() + nextTryMs)
  }
}
