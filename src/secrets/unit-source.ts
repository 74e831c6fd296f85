import type { Ask, Urgency } from './ask.ts'
import type { BreakerCause } from './breaker.ts'
import type { Brought, Listed } from './brought.ts'
import type { Lease, ProviderError } from './provider.ts'

/** How the circuit breaker of a provider stands. */
export interface SourceBreaker {
  readonly state: 'closed' | 'open' | 'half-open'
  readonly cause: BreakerCause | undefined
  /** When it lets the next call through, on the monotonic clock; undefined unless it is open. */
  readonly probeAt: number | undefined
}

/** What a unit asks: one provider, or several of which the next is asked when the one before is unavailable. */
export interface Batching {
  /** How many keys one call may ask for. */
  readonly batchSize: number
}

export interface UnitSource {
  /** The provider's name; of several, of the one that the last answer is from. */
  readonly name: string
  /** Whether one call brings everything that the provider has. */
  readonly listsAll: boolean
  /** Whether it can say which keys there are, without their values. */
  readonly listsKeys: boolean
  /** Whether it can say what there is in either way. */
  readonly lists: boolean
  /** How many keys are asked for at a time that nobody waits for. */
  readonly feedWidth: number
  /** Whether leases can be made to last longer. */
  readonly renews: boolean
  /** What units have in common that one call may serve together: the same object. Undefined where each has its own call. */
  readonly batch: Batching | undefined
  readonly breaker: SourceBreaker
  /** @returns what the key stands for; a failure of the whole call is returned like a failure of the key */
  fetch(key: string, ask: Ask): Promise<Brought>
  /** @returns everything that the provider has, or why it could not be had */
  fetchAll(ask: Ask): Promise<Map<string, Listed> | ProviderError>
  /**
   * @param patterns the keys that are wanted, each with one `*`
   * @returns the keys there are, or why they could not be listed
   */
  listKeys(patterns: readonly string[], ask: Ask): Promise<readonly string[] | ProviderError>
  /** @returns the lease as it is from now on, or why it was not renewed */
  renew(key: string, lease: Lease, ask: Ask): Promise<Lease | ProviderError>
  /** A call that is still in the queue has become more urgent: it goes ahead from now on. No key: the list. */
  raise(key: string | undefined, urgency: Urgency): void
  /**
   * A key is asked for no more. No key: the list.
   *
   * @param isAsked whether another still asks a source for a key of it, among several or by itself
   */
  forget(key: string | undefined, isAsked: IsAsked): void
}

export type IsAsked = (source: UnitSource, key: string | undefined) => boolean
