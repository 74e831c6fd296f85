import type { Clock } from '../../secrets/provider.ts'

/** More would only be asked for again. */
const maxEntries = 10_000

/**
 * What was found out once and need not be asked for each time, for a while: ids by title, which are no secrets. A title
 * may go over to another thing, so none is believed for ever.
 */
export class Remembered<T> {
  readonly #clock: Pick<Clock, 'now'>
  readonly #forMs: number
  readonly #entries = new Map<string, { readonly value: T; readonly at: number }>()

  /** @param forMs milliseconds */
  constructor(clock: Pick<Clock, 'now'>, forMs: number) {
    this.#clock = clock
    this.#forMs = forMs
  }

  get(key: string): T | undefined {
    const entry = this.#entries.get(key)
    if (entry === undefined) return undefined
    if (this.#clock.now() - entry.at <= this.#forMs) return entry.value
    this.#entries.delete(key)
    return undefined
  }

  /** Where there is no room, the oldest is forgotten. */
  set(key: string, value: T): void {
    this.#entries.delete(key)
    if (this.#entries.size >= maxEntries) {
      const [oldest] = this.#entries.keys()
      if (oldest !== undefined) this.#entries.delete(oldest)
    }
    this.#entries.set(key, { value, at: this.#clock.now() })
  }

  forget(key: string): void {
    this.#entries.delete(key)
  }
}
