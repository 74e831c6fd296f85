/** Beneath this, in milliseconds, a wait is rounding and no wait. */
const rounding = 1e-6

/**
 * A token bucket that holds a second's worth of calls and at least one: so many calls at once, and so many a second
 * from then on. In any T seconds at most `burst + rate × T` calls pass. Kept as the one time at which the bucket would
 * be full again (GCRA, ITU-T I.371), so that nothing has to be refilled.
 */
export class CallRate {
  /** Between two calls, in milliseconds, once the burst is spent. */
  readonly #intervalMs: number
  /** How far ahead of the average the calls may run, in milliseconds. */
  readonly #toleranceMs: number
  #fullAt = Number.NEGATIVE_INFINITY

  constructor(perSecond: number) {
    this.#intervalMs = 1_000 / perSecond
    this.#toleranceMs = (Math.max(1, perSecond) - 1) * this.#intervalMs
  }

  /** How long until a call may be made, in milliseconds: 0 where one may be made now. */
  waitMs(now: number): number {
    const wait = this.#fullAt - this.#toleranceMs - now
    return wait > rounding ? wait : 0
  }

  /**
   * Goes on where another left off, whatever its rate: what that has spent of its burst is spent here too, as far as the
   * burst goes here.
   */
  succeed(former: CallRate, now: number): void {
    const spent = Math.max(0, former.#fullAt - now) / former.#intervalMs
    this.#fullAt = now + Math.min(spent * this.#intervalMs, this.#toleranceMs + this.#intervalMs)
  }

  spend(now: number): void {
    this.#fullAt = Math.max(this.#fullAt, now) + this.#intervalMs
  }
}
