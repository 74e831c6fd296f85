import { backoffCap, backoffDelay } from './backoff.ts'
import type { Clock, Random } from './clock.ts'
import type { ProviderError } from './provider.ts'

/** Over how long feeds come back that failed at the same time, in milliseconds. */
const returnSpread = 2_000

/** For how long a feed asks for nothing, as its provider answers nothing, and why. */
export class FeedPause {
  readonly #clock: Clock
  readonly #random: Random
  #until = Number.NEGATIVE_INFINITY
  #why: ProviderError | undefined
  /** How many attempts in a row ended in a pause. */
  #failures = 0

  constructor({ clock, random }: { readonly clock: Clock; readonly random: Random }) {
    this.#clock = clock
    this.#random = random
  }

  /** Whether nothing is asked for now. */
  get isOn(): boolean {
    return this.#clock.now() < this.#until
  }

  /** Of the last one, also when that is over; undefined before the first. */
  get why(): ProviderError | undefined {
    return this.#why
  }

  /**
   * Begins one, or makes it longer.
   *
   * @param isAwaited whether readiness still waits for secrets: then none is long
   * @returns when it is over, on the monotonic clock
   */
  begin(error: ProviderError, isAwaited: boolean): number {
    // Those that were under way at the same time failed for the same reason.
    if (!this.isOn) this.#failures += 1
    const cap = backoffCap(Number.POSITIVE_INFINITY, isAwaited, error.kind)
    const delay = backoffDelay(this.#failures, cap, error.retryAfterMs, this.#random)
    this.#why = error
    this.#until = Math.max(this.#until, this.#clock.now() + delay + this.#random() * returnSpread)
    return this.#until
  }

  /** The provider has answered: the next one is the first again. */
  answered(): void {
    this.#failures = 0
  }
}
