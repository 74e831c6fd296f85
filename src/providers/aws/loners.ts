import type { Clock } from '../../secrets/provider.ts'

/** Milliseconds for which a key is asked for alone. */
const time = 10 * 60_000

/** How many are remembered; beyond it the oldest go, which costs a call more. */
const most = 10_000

/** Keys that made a batch fail for all others in it: for a while they are asked for alone. */
export class Loners {
  readonly #clock: Clock
  /** By key, until when, on the monotonic clock; the oldest first. */
  readonly #until = new Map<string, number>()

  constructor(clock: Clock) {
    this.#clock = clock
  }

  has(key: string): boolean {
    return (this.#until.get(key) ?? Number.NEGATIVE_INFINITY) > this.#clock.now()
  }

  add(key: string): void {
    this.#until.delete(key)
    this.#until.set(key, this.#clock.now() + time)
    const [oldest] = this.#until.keys()
    if (this.#until.size > most && oldest !== undefined) this.#until.delete(oldest)
  }

  delete(key: string): void {
    this.#until.delete(key)
  }
}
