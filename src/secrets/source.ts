import type { Ask, CallLimits, Urgency } from './ask.ts'
import { defaultCallLimits } from './ask.ts'
import { Batcher } from './batcher.ts'
import type { Brought, Listed } from './brought.ts'
import { discard } from './brought.ts'
import { Calls } from './calls.ts'
import type { Random } from './clock.ts'
import type { SecretsObserver } from './observer.ts'
import type { Place } from './permits.ts'
import type { Clock, Lease, Provider } from './provider.ts'
import { ProviderError } from './provider.ts'
import { toProviderError } from './provider-failure.ts'
import type { Batching, IsAsked, SourceBreaker, UnitSource } from './unit-source.ts'
import { verdictOfKeyList, verdictOfList, verdictOfRenewal } from './verdict.ts'

export type { Ask, CallLimits, Urgency } from './ask.ts'
export type { Brought } from './brought.ts'

export interface SourceOptions {
  /** For the jitter of the breaker's probes. */
  readonly random?: Random
  readonly limits?: Partial<CallLimits>
  readonly onBreaker?: SecretsObserver['breakerChanged']
}

/** A list serves whoever asks for single keys of it too: one call for all of them, however many there are. */
const keysOfList = 1_000

/** One provider as the refresher sees it: whatever it does, a call ends, and ends in an answer or a ProviderError. */
export class Source implements UnitSource {
  readonly name: string
  readonly #provider: Provider
  readonly #calls: Calls
  readonly #batcher: Batcher
  readonly #maxConcurrentCalls: number
  /** Where the list, and the leases to be renewed, wait for their turn. */
  readonly #places = new Map<string | undefined, Place>()
  /** Called each time the breaker opens, or stays open after a probe, with the time of the next on the monotonic clock. */
  onOpened: (probeAt: number) => void = () => {}
  /** Called when the breaker closes, with what it was open for. The refresher sets it. */
  onClosed: (cause: 'unavailable' | 'denied') => void = () => {}
  /** Called while the keys that are asked are refused, and others have not been heard since `since`: see `Breaker`. */
  onUndecided: (since: number) => void = () => {}

  constructor(name: string, provider: Provider, clock: Clock, options: SourceOptions = {}) {
    const { random = Math.random, limits, onBreaker } = options
    this.name = name
    this.#provider = provider
    const callLimits = { ...defaultCallLimits, ...limits }
    this.#maxConcurrentCalls = callLimits.maxConcurrentCalls
    this.#calls = new Calls({
      name,
      clock,
      random,
      limits: callLimits,
      changed: (event) => {
        onBreaker?.({ provider: name, ...event })
        if (!event.open) this.onClosed(event.cause)
      },
      opened: (probeAt) => this.onOpened(probeAt),
      undecided: (since) => this.onUndecided(since),
    })
    this.#batcher = new Batcher({
      name,
      clock,
      calls: this.#calls,
      batchSize: batchSizeOf(provider),
      fetch: (keys, signal, held) => provider.fetch(keys, signal, held),
    })
  }

  /**
   * Takes the place of another: what that has spent of its budget stays spent, and a backend that asked for fewer calls
   * has asked this one too. Else a configuration that changes again and again would call it as often as it likes.
   */
  succeed(former: Source, isSameBackend: boolean): void {
    this.#calls.succeed(former.#calls, isSameBackend)
  }

  get listsAll(): boolean {
    return this.#provider.fetchAll !== undefined
  }

  /** Whether it can say which keys there are, and their values have to be asked for. */
  get listsKeys(): boolean {
    return this.#provider.listKeys !== undefined && !this.listsAll
  }

  /** Whether it has a list of either kind. */
  get lists(): boolean {
    return this.listsAll || this.listsKeys
  }

  /** How many keys are asked for at a time that nobody waits for: half of the calls there may be are left to others. */
  get feedWidth(): number {
    return Math.ceil(this.#maxConcurrentCalls / 2) * Math.max(1, this.#provider.batchSize ?? 1)
  }

  get watches(): boolean {
    return this.#provider.watch !== undefined
  }

  get renews(): boolean {
    return this.#provider.renew !== undefined
  }

  /** Whether one call may serve many keys. */
  get batches(): boolean {
    return this.batchSize > 1
  }

  get batch(): Batching | undefined {
    return this.batches ? this : undefined
  }

  get batchSize(): number {
    return batchSizeOf(this.#provider)
  }

  get breaker(): SourceBreaker {
    const { state, cause, probeAt } = this.#calls.breaker
    return { state, cause, probeAt }
  }

  fetch(key: string, ask: Ask): Promise<Brought> {
    return this.#batcher.fetch(key, ask)
  }

  async fetchAll(ask: Ask): Promise<Map<string, Listed> | ProviderError> {
    const provider = this.#provider
    if (provider.fetchAll === undefined) return this.#cannot('list')
    const list = provider.fetchAll.bind(provider)
    return await this.#queue(undefined, ask, { make: list, judge: verdictOfList, discard })
  }

  async listKeys(patterns: readonly string[], ask: Ask): Promise<readonly string[] | ProviderError> {
    const provider = this.#provider
    if (provider.listKeys === undefined) return this.#cannot('list')
    const list = provider.listKeys.bind(provider)
    return await this.#queue(undefined, ask, {
      make: (signal) => list(patterns, signal),
      judge: () => ({ said: 'something' }),
      judgeFailure: verdictOfKeyList,
    })
  }

  async renew(key: string, lease: Lease, ask: Ask): Promise<Lease | ProviderError> {
    const provider = this.#provider
    if (provider.renew === undefined) return this.#cannot('renew')
    const renew = provider.renew.bind(provider)
    return await this.#queue(key, ask, {
      make: (signal) => renew(key, lease, signal),
      judge: () => ({ said: 'answer' }),
      judgeFailure: verdictOfRenewal,
    })
  }

  raise(key: string | undefined, urgency: Urgency): void {
    this.#places.get(key)?.raise(urgency)
    if (key !== undefined) this.#batcher.raise(key, urgency)
  }

  forget(key: string | undefined, isAsked: IsAsked): void {
    if (!isAsked(this, key)) this.#calls.breaker.forget(key)
  }

  /** Reports changes where the provider can watch, until the source is closed. */
  async watch(changed: (key?: string) => void): Promise<ProviderError | undefined> {
    try {
      await this.#provider.watch?.(changed, this.#calls.ended)
      return undefined
    } catch (error) {
      return toProviderError(this.name, error)
    }
  }

  /** Gives up what is under way and what waits. Answers that come later are for nobody. */
  abort(): void {
    this.#calls.abort()
    this.#batcher.flush()
  }

  async close(): Promise<void> {
    this.abort()
    await this.#provider.close?.()
  }

  async #queue<T>(
    key: string | undefined,
    { urgency, began, forced = false, patienceMs }: Ask,
    call: Pick<Parameters<typeof Calls.prototype.queue<T>>[0], 'make' | 'judge' | 'judgeFailure' | 'discard'>,
  ): Promise<T | ProviderError> {
    // What a list of keys says of the credential says nothing of the keys, so these do not wait for it to be heard.
    if (key !== undefined || this.listsAll) this.#calls.breaker.know(key)
    const make = (signal: AbortSignal): Promise<T> => {
      began({ isTold: false })
      return call.make(signal)
    }
    const { place, answer } = this.#calls.queue({
      ...call,
      make,
      asked: [key],
      urgency,
      forced,
      patienceMs,
    })
    this.#places.set(key, place)
    const end = await answer
    if (this.#places.get(key) === place) this.#places.delete(key)
    return end
  }

  #cannot(what: string): ProviderError {
    return new ProviderError('unavailable', 'internal', `${this.name} cannot ${what}`)
  }
}

function batchSizeOf({ batchSize, fetchAll }: Provider): number {
  return Math.max(1, batchSize ?? (fetchAll === undefined ? 1 : keysOfList))
}
