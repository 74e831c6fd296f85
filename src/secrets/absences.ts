import { LRUCache } from 'lru-cache'
import type { Clock } from './clock.ts'
import { ProviderError } from './provider.ts'
import type { Reading } from './reading.ts'

interface Absence {
  readonly until: number
  /** Undefined: the provider said that it is missing. Else why the first fetch failed. */
  readonly failure: ProviderError | undefined
  /** How many first fetches have failed in a row, and when the last of them did, in milliseconds since the epoch. */
  readonly attempts: number
  readonly at: number
}

/** How the first fetches of a name have failed. */
export interface FirstFailures {
  readonly error: ProviderError
  readonly at: number
  readonly attempts: number
}

/**
 * Pattern secrets that are not there: for a short, bounded time a name is not asked for again, so that callers who ask
 * for names at random cost neither backend calls nor memory without end.
 */
export class Absences {
  readonly #clock: Clock
  #names: LRUCache<string, Absence>

  /** @param max how many names are remembered; the least recently asked for go first */
  constructor(clock: Clock, max: number) {
    this.#clock = clock
    this.#names = container(max)
  }

  missing(name: string, forMs: number): void {
    this.#remember(name, forMs, undefined, 0)
  }

  failed(name: string, forMs: number, failure: ProviderError): void {
    this.#remember(name, forMs, failure, this.attempts(name) + 1)
  }

  #remember(name: string, forMs: number, failure: ProviderError | undefined, attempts: number): void {
    const until = this.#clock.now() + forMs
    this.#names.set(name, { until, failure, attempts, at: this.#clock.wall() })
  }

  /** For people: what is remembered of a name that could not be brought. Does not count as asking for it. */
  failures(name: string): FirstFailures | undefined {
    const absence = this.#names.peek(name)
    if (absence?.failure === undefined) return undefined
    return { error: absence.failure, at: absence.at, attempts: absence.attempts }
  }

  /** How many first fetches of the name have failed in a row. */
  attempts(name: string): number {
    return this.#names.get(name)?.attempts ?? 0
  }

  forget(name: string): void {
    this.#names.delete(name)
  }

  /** Remembers no more than `max` from now on, and of those names only that are still to be `kept`. */
  keep(max: number, kept: (name: string) => boolean): void {
    const before = this.#names
    this.#names = container(max)
    for (const name of before.rkeys()) {
      const absence = before.peek(name)
      if (absence !== undefined && kept(name)) this.#names.set(name, absence)
    }
  }

  /** What a reader is told while the absence is remembered; undefined when it is time to ask again. */
  read(name: string): Reading | undefined {
    const absence = this.#names.get(name)
    if (absence === undefined) return undefined
    const left = absence.until - this.#clock.now()
    if (left <= 0) return undefined
    if (absence.failure === undefined) return { kind: 'not-found' }
    return { kind: 'not-loaded', retryAfterMs: left, reason: absence.failure.message }
  }

  /** The failure of a first fetch that the backend throttled, with the time that is left of it; undefined after it. */
  throttled(name: string): ProviderError | undefined {
    const absence = this.#names.get(name)
    if (absence?.failure?.kind !== 'throttled') return undefined
    const retryAfterMs = absence.until - this.#clock.now()
    if (retryAfterMs <= 0) return undefined
    return new ProviderError('throttled', absence.failure.reason, absence.failure.message, { retryAfterMs })
  }
}

/** Bounded by size, where each counts as one: for `max` lru-cache would set a whole table up beforehand. */
function container(max: number): LRUCache<string, Absence> {
  return new LRUCache({ maxSize: max, sizeCalculation: () => 1 })
}
