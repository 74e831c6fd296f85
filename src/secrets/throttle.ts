import { longestRetryAfter, pauseWhenThrottled } from './backoff.ts'
import type { Clock } from './clock.ts'
import { ProviderError } from './provider.ts'
import { Refusals } from './refusals.ts'

/** A provider that asked for fewer calls gets none before its time, for whichever key. */
export class Throttle {
  readonly #clock: Clock
  /** `until` is on the monotonic clock. */
  #last: { readonly until: number; readonly error: ProviderError } | undefined
  readonly #refusals = new Refusals()

  constructor(clock: Clock) {
    this.#clock = clock
  }

  /** What a call gets that would come before the time that the provider asked for. */
  refusal(): ProviderError | undefined {
    if (this.#last === undefined) return undefined
    const { until, error } = this.#last
    const now = this.#clock.now()
    const retryAfterMs = until - now
    if (retryAfterMs <= 0) return undefined
    const refused = (): ProviderError =>
      new ProviderError('throttled', error.reason, error.message, { retryAfterMs })
    return this.#refusals.of(this.#last, now, refused)
  }

  /** What was asked of another holds here too. */
  succeed(former: Throttle): void {
    this.#last = former.#last
  }

  heed(error: ProviderError): void {
    const pause = Math.min(error.retryAfterMs ?? pauseWhenThrottled, longestRetryAfter)
    const until = this.#clock.now() + pause
    // Of several answers the longest counts; a NaN is no time.
    if (until > (this.#last?.until ?? Number.NEGATIVE_INFINITY)) this.#last = { until, error }
  }
}
