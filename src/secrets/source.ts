import { CodedError } from '../errors.ts'
import { longestRetryAfter } from './backoff.ts'
import { Gate, GateFullError } from './gate.ts'
import type { Clock, Fetched, Provider } from './provider.ts'
import { ProviderError } from './provider.ts'

/** What came of asking for one key. */
export type Brought = Fetched | ProviderError

/** How many calls to one provider are under way at a time; a start with a thousand secrets is no stampede. */
const maxCallsUnderWay = 8
/** How many first fetches may wait for their turn; callers choose those, and may have left before it comes. */
const maxCallsWaiting = 1_000
/** A provider has timeouts of its own, of at most 5 min; one that hangs in spite of them is given up after this, in milliseconds. */
const callDeadline = 6 * 60_000

/** For how long a provider is left alone that asks for fewer calls and does not say for how long, in milliseconds. */
const pauseWhenThrottled = 1_000

/** One provider as the refresher sees it: whatever it does, a call ends, and ends in an answer or a ProviderError. */
export class Source {
  readonly name: string
  readonly #provider: Provider
  readonly #clock: Clock
  readonly #gate = new Gate(maxCallsUnderWay, maxCallsWaiting)
  readonly #ended = new AbortController()
  /** The provider asked for fewer calls: until then, on the monotonic clock, it gets none for any key. */
  #throttle: { readonly until: number; readonly error: ProviderError } | undefined

  constructor(name: string, provider: Provider, clock: Clock) {
    this.name = name
    this.#provider = provider
    this.#clock = clock
  }

  /** Whether one call brings everything that the provider has. */
  get listsAll(): boolean {
    return this.#provider.fetchAll !== undefined
  }

  /**
   * @param goesAhead of the fetches that callers caused, of which there may be thousands
   * @returns what the key stands for; a failure of the whole call is returned like a failure of the key
   */
  async fetch(key: string, began: () => void, goesAhead = false): Promise<Brought> {
    const answer = await this.#call(async (signal) => {
      began()
      return (await this.#provider.fetch([key], signal)).get(key)
    }, goesAhead)
    return answer ?? new ProviderError('missing', 'not-found', `${this.name} has no "${key}"`)
  }

  /** @returns everything that the provider has, or why it could not be had */
  async fetchAll(began: () => void): Promise<Map<string, Brought> | ProviderError> {
    const answer = await this.#call(async (signal) => {
      began()
      return await this.#provider.fetchAll?.(signal)
    })
    return answer ?? new ProviderError('unavailable', 'internal', `${this.name} cannot list`)
  }

  /** Reports changes where the provider can watch, until the source is closed. */
  async watch(changed: (key?: string) => void): Promise<ProviderError | undefined> {
    try {
      await this.#provider.watch?.(changed, this.#ended.signal)
      return undefined
    } catch (error) {
      return toProviderError(this.name, error)
    }
  }

  get watches(): boolean {
    return this.#provider.watch !== undefined
  }

  /** Gives up what is under way. Answers that come later are for nobody. */
  abort(): void {
    this.#ended.abort()
  }

  async close(): Promise<void> {
    this.abort()
    await this.#provider.close?.()
  }

  async #call<T>(work: (signal: AbortSignal) => Promise<T>, goesAhead = false): Promise<T | ProviderError> {
    try {
      return await this.#gate.run(async () => this.#throttled() ?? (await this.#attempt(work)), goesAhead)
    } catch (error) {
      return toProviderError(this.name, error)
    }
  }

  /** A call, with what it says for those that wait at the gate: they are let in as soon as it is over. */
  async #attempt<T>(work: (signal: AbortSignal) => Promise<T>): Promise<T | ProviderError> {
    const answer = await this.#withDeadline(work).catch((error) => toProviderError(this.name, error))
    if (answer instanceof ProviderError && answer.kind === 'throttled') this.#leaveAlone(answer)
    return answer
  }

  /** What a call gets that would come before the time that the provider asked for. */
  #throttled(): ProviderError | undefined {
    if (this.#throttle === undefined) return undefined
    const { until, error } = this.#throttle
    const retryAfterMs = until - this.#clock.now()
    if (retryAfterMs <= 0) return undefined
    return new ProviderError('throttled', error.reason, error.message, { retryAfterMs })
  }

  #leaveAlone(error: ProviderError): void {
    const pause = Math.min(error.retryAfterMs ?? pauseWhenThrottled, longestRetryAfter)
    const until = this.#clock.now() + pause
    // Of several answers the longest counts; a NaN is no time.
    if (until > (this.#throttle?.until ?? Number.NEGATIVE_INFINITY)) this.#throttle = { until, error }
  }

  async #withDeadline<T>(work: (signal: AbortSignal) => Promise<T>): Promise<T> {
    if (this.#ended.signal.aborted) throw aborted(this.name)
    const call = new AbortController()
    const { promise: cut, reject } = Promise.withResolvers<never>()
    const giveUp = (error: ProviderError): void => {
      reject(error)
      call.abort()
    }
    const end = (): void => giveUp(aborted(this.name))
    this.#ended.signal.addEventListener('abort', end, { once: true })
    const timer = this.#clock.setTimer(
      () =>
        giveUp(
          new ProviderError(
            'unavailable',
            'timeout',
            `${this.name} gave no answer within ${callDeadline} ms`,
          ),
        ),
      callDeadline,
    )
    try {
      return await Promise.race([work(call.signal), cut])
    } finally {
      timer.cancel()
      this.#ended.signal.removeEventListener('abort', end)
    }
  }
}

function aborted(name: string): ProviderError {
  return new ProviderError(
    'unavailable',
    'aborted',
    `the call to ${name} was given up: the sidecar is stopping`,
  )
}

/** An error of unknown origin may quote anything, a value too: its message goes no further. */
function toProviderError(name: string, error: unknown): ProviderError {
  if (error instanceof ProviderError) return error
  if (error instanceof CodedError) {
    return new ProviderError('unavailable', 'credential', `${name}: ${error.message}`, { cause: error })
  }
  if (error instanceof GateFullError) {
    return new ProviderError('unavailable', 'internal', `${name}: ${error.message}`)
  }
  const kind = error instanceof Error ? error.name : typeof error
  return new ProviderError(
    'unavailable',
    'internal',
    `${name} failed in a way that it does not foresee (${kind})`,
  )
}
