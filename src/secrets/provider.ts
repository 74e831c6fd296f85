/**
 * The contract that backends meet. It lives with its user, the refresher, so that no arrow runs from the heart to a
 * backend. An implementation holds no cache of values to answer from and no schedule: it fetches when it is told to.
 */
import type { Clock } from './clock.ts'
import type { SecretValue } from './secret.ts'

export type { Clock, Timer } from './clock.ts'

export interface Provider {
  /** How many keys one call of `fetch` may ask for at the most; 1 where it is absent. */
  readonly batchSize?: number
  /**
   * Fetches the current version of each key. One call may serve many keys; the answer has an entry for each key asked
   * for. Rejects with a ProviderError only when nothing could be fetched.
   *
   * @param held the provider's own version of those keys whose value is held and would do if it is current still: they
   * alone may be answered with `Unchanged`, where finding out is cheaper than fetching
   */
  fetch(
    keys: readonly string[],
    signal: AbortSignal,
    held?: HeldVersions,
  ): Promise<Map<string, Fetched | Unchanged | ProviderError>>
  /**
   * Everything the backend holds, in one call. A provider has it where one call costs the same whatever it is asked
   * for (a list endpoint, a directory): then one call refreshes all secrets of the provider and discovers those of its
   * patterns. A key that is not in the answer is *missing*. An entry may be an error of that key alone.
   * Rejects with a ProviderError when nothing could be fetched.
   */
  fetchAll?(signal: AbortSignal): Promise<Map<string, Fetched | ProviderError>>
  /**
   * The keys there are, without their values: where the backend can list, and values have to be asked for. Patterns of
   * the configuration are discovered with it. A key more than they cover does no harm; one that is left out is not found
   * until somebody asks for it.
   *
   * @param patterns keys with one `*`: what is wanted, for a backend that can narrow its list
   * Rejects with a ProviderError where the list could not be had as a whole.
   */
  listKeys?(patterns: readonly string[], signal: AbortSignal): Promise<readonly string[]>
  /**
   * Makes a renewable lease last longer without bringing another value.
   *
   * @returns the lease as it is from now on, maybe shorter than asked for where the backend sets a limit
   * Rejects with a ProviderError: *missing* or *denied* where the lease is over or cannot be renewed any more.
   */
  renew?(key: string, lease: Lease, signal: AbortSignal): Promise<Lease>
  /**
   * Calls `changed` when the backend says that something may have changed: with a key, that key; without, anything.
   * Resolves when the signal aborts; rejects with a ProviderError when it can no longer watch.
   */
  watch?(changed: (key?: string) => void, signal: AbortSignal): Promise<void>
  /** Releases connections and watches. Called once, after the last fetch. */
  close?(): Promise<void>
}

/** By key, the versions that are held. */
export type HeldVersions = ReadonlyMap<string, string>

/** The backend still has the version that is held: the value is as good as fetched. */
export interface Unchanged {
  readonly unchanged: true
  /** As in `Fetched`. */
  readonly ttlMs?: number
}

/** What a provider brings for one key. */
export interface Fetched {
  /** One that is handed out once: the heart takes it over, and overwrites it when it holds it no longer. */
  readonly value: SecretValue
  /** The provider's own version, where it has one; else the content decides what a rotation is. */
  readonly version?: string
  /** How long the provider calls the value good for, in milliseconds: shortens the refresh interval. */
  readonly ttlMs?: number
  /** Where the value lives only for a time: it ends then, and another has to be fetched before. */
  readonly lease?: Lease
}

/** A lifetime that the provider gave with the value. It counts from the question that brought it. */
export interface Lease {
  /** How the backend names it, where it can be renewed or revoked. */
  readonly id?: string
  /** In milliseconds. */
  readonly durationMs: number
  readonly renewable: boolean
  /**
   * After how long another is to be fetched, in milliseconds, where it cannot be renewed: less than `durationMs`. Late in
   * the lease where it is absent.
   */
  readonly replaceAfterMs?: number
}

/** What went wrong, in the four ways that call for different behaviour (`design.md`, What each state does). */
export type ProviderErrorKind = 'missing' | 'denied' | 'throttled' | 'unavailable'

/** What went wrong, closer: fixed words, fit for a log line and a caller. */
export type ProviderErrorReason =
  | 'not-found'
  | 'denied'
  | 'throttled'
  | 'credential'
  | 'refused'
  | 'reset'
  | 'timeout'
  | 'tls'
  | 'dns'
  | 'status'
  | 'redirect'
  | 'malformed'
  | 'oversized'
  | 'io'
  | 'aborted'
  /** The provider was not asked: too many calls wait for their turn already. */
  | 'busy'
  /** The provider was not asked: its circuit breaker is open. */
  | 'circuit-open'
  /** A list no longer names most of what is held, and is not believed yet. */
  | 'vanished'
  | 'internal'

/** A failed fetch. Its message names the place and what to do; it never quotes a body or a credential. */
export class ProviderError extends Error {
  readonly kind: ProviderErrorKind
  readonly reason: ProviderErrorReason
  /** How long the backend asks us to wait, in milliseconds. */
  readonly retryAfterMs: number | undefined

  constructor(
    kind: ProviderErrorKind,
    reason: ProviderErrorReason,
    message: string,
    options: { cause?: unknown; retryAfterMs?: number | undefined } = {},
  ) {
    super(message, 'cause' in options ? { cause: options.cause } : undefined)
    this.name = 'ProviderError'
    this.kind = kind
    this.reason = reason
    this.retryAfterMs = options.retryAfterMs
  }
}

/** What every provider is built with, beside its own part of the configuration. */
export interface ProviderContext {
  /** The provider's name in the configuration, for messages. */
  readonly name: string
  readonly clock: Clock
  /** For what people should know and no caller sees; never a value. */
  readonly warn: (message: string) => void
}
