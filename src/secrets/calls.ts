import type { CallLimits, Urgency } from './ask.ts'
import type { BreakerOptions } from './breaker.ts'
import { Breaker } from './breaker.ts'
import { withDeadline } from './deadline.ts'
import type { Place } from './permits.ts'
import { nowhere, Permits } from './permits.ts'
import { ProviderError } from './provider.ts'
import { aborted, toProviderError } from './provider-failure.ts'
import type { Asked } from './streak.ts'
import { Throttle } from './throttle.ts'
import type { Verdict } from './verdict.ts'
import { verdictOf } from './verdict.ts'

/** A provider has timeouts of its own, of at most 5 min; one that hangs in spite of them is given up after this, in milliseconds. */
const callDeadline = 6 * 60_000

/** One call that is wanted. What may still change while it waits is read when its turn comes. */
export interface Call<T> {
  readonly asked: Asked
  readonly urgency: Urgency
  readonly patienceMs: number | undefined
  readonly forced: boolean
  /** Calls the provider. Whatever it throws is taken for a failure of the whole call. */
  readonly make: (signal: AbortSignal) => Promise<T>
  /** What the answer says of the provider. */
  readonly judge: (answer: T) => Verdict
  /** What a failure of the whole call says of it, where that is not what it says by itself. */
  readonly judgeFailure?: (error: ProviderError) => Verdict
  /** Takes an answer that came when the call had been given up, so that nobody else does. */
  readonly discard?: (answer: T) => void
}

export interface CallsOptions extends BreakerOptions {
  readonly limits: CallLimits
}

/** The calls to one provider: who goes next, who is turned away, and that each ends. */
export class Calls {
  readonly #options: CallsOptions
  readonly #permits: Permits
  readonly #throttle: Throttle
  readonly #ended = new AbortController()
  readonly breaker: Breaker
  /** One for all who find the queue full, and one for all whose patience ends: see `Refusals`. */
  readonly #queueFull: ProviderError
  readonly #outOfPatience: ProviderError

  constructor(options: CallsOptions) {
    this.#options = options
    this.#permits = new Permits(options.clock, options.limits)
    this.#throttle = new Throttle(options.clock)
    this.breaker = new Breaker(options)
    const { name } = options
    const full = `${name}: too many calls wait already (maxQueuedCalls)`
    this.#queueFull = new ProviderError('unavailable', 'busy', full)
    const late = `${name} was not asked in time: other calls to it went first (maxCallsPerSecond, maxConcurrentCalls)`
    this.#outOfPatience = new ProviderError('unavailable', 'timeout', late)
  }

  /** Aborts when the source is closed. */
  get ended(): AbortSignal {
    return this.#ended.signal
  }

  /** See `Source.succeed`. */
  succeed(former: Calls, isSameBackend: boolean): void {
    this.#permits.succeed(former.#permits)
    if (isSameBackend) this.#throttle.succeed(former.#throttle)
  }

  /** Makes the call when its turn comes. `answer` never rejects. */
  queue<T>(call: Call<T>): { readonly place: Place; readonly answer: Promise<T | ProviderError> } {
    const { promise: answer, resolve } = Promise.withResolvers<T | ProviderError>()
    const turnedAway = (): boolean => {
      const refusal = this.refusal(call)
      if (refusal !== undefined) resolve(refusal)
      return refusal !== undefined
    }
    if (turnedAway()) return { place: nowhere, answer }
    const { urgency, patienceMs } = call
    const start = (): void => void this.#make(call).then(resolve)
    const gaveUp = (): void => resolve(this.#outOfPatience)
    const place = this.#permits.queue({ urgency, patienceMs, turnedAway, start, gaveUp })
    if (place === undefined) resolve(this.#queueFull)
    return { place: place ?? nowhere, answer }
  }

  /** What a call gets that may not be made now, and does not have to wait to hear so. */
  refusal(call: Pick<Call<unknown>, 'asked' | 'forced' | 'patienceMs'>): ProviderError | undefined {
    if (this.#ended.signal.aborted) return aborted(this.#options.name)
    const throttled = this.#throttle.refusal()
    if (throttled !== undefined || this.breaker.state === 'closed') return throttled
    return this.breaker.refusal(call.asked, call.forced, isKept(call))
  }

  abort(): void {
    this.#ended.abort()
    this.#permits.sweep()
    this.#permits.close()
  }

  async #make<T>(call: Call<T>): Promise<T | ProviderError> {
    const { name, clock } = this.#options
    const wasClosed = this.breaker.state === 'closed'
    const ended = this.breaker.begin(call.asked, isKept(call))
    // Who waits while this finds out need not wait for their turn to hear so.
    if (!wasClosed) this.#permits.sweep()
    try {
      const late = (answer: T): void => call.discard?.(answer)
      const answer = await withDeadline(name, clock, callDeadline, this.#ended.signal, call.make, late)
      this.#heed(call.judge(answer), ended)
      return answer
    } catch (thrown) {
      const error = toProviderError(name, thrown)
      this.#heed((call.judgeFailure ?? verdictOf)(error), ended)
      return error
    } finally {
      this.#permits.leave()
    }
  }

  #heed(verdict: Verdict, ended: (verdict: Verdict) => void): void {
    if (verdict.said === 'throttled') this.#throttle.heed(verdict.error)
    ended(verdict)
    if (verdict.said === 'throttled' || this.breaker.state !== 'closed') this.#permits.sweep()
  }
}

/** Only first fetches of names that callers chose have a limit to their patience. */
function isKept({ patienceMs }: Pick<Call<unknown>, 'patienceMs'>): boolean {
  return patienceMs === undefined
}
