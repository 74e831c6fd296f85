import { backoffDelay } from './backoff.ts'
import type { Clock, Random } from './clock.ts'
import type { SecretsObserver } from './observer.ts'
import type { ProviderError } from './provider.ts'
import type { Schedule } from './schedule.ts'
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
  readonly isStopped: () => boolean
}

/** Keeps the watch of a source going: one that fails is started again, with backoff. */
export class Watcher {
  readonly #options: WatcherOptions
  /** How many watches have failed in a row. */
  #failures = 0

  constructor(options: WatcherOptions) {
    this.#options = options
  }

  start(): void {
    const { source, clock, changed } = this.#options
    const began = clock.now()
    void source.watch(changed).then((error) => {
      if (error === undefined || this.#options.isStopped()) return
      this.#failures = clock.now() - began >= goodWatch ? 1 : this.#failures + 1
      this.#tryAgain(error)
    })
  }

  #tryAgain(error: ProviderError): void {
    const { source, clock, random, schedule, observer, changed } = this.#options
    const attempt = this.#failures
    const nextTryMs = backoffDelay(attempt, Number.POSITIVE_INFINITY, error.retryAfterMs, random)
    observer.failed({ provider: source.name, secrets: [], error, attempt, nextTryMs, declared: true })
    schedule.at(`watch ${source.name}`, clock.now() + nextTryMs, () => {
      this.start()
      // What changed between two watches was seen by none of them.
      changed()
    })
  }
}
