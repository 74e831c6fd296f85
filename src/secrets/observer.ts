import type { ProviderError, ProviderErrorKind } from './provider.ts'
import type { SecretState } from './reading.ts'

/** What the heart tells the log and the metrics. Never a value. Times in milliseconds. */
export interface SecretsObserver {
  /** A call to a provider ended. */
  called(event: { provider: string; outcome: CallOutcome; durationMs: number }): void
  /**
   * A fetch failed, or a secret could not be composed (no provider then). `secrets` are the names that wait for it, the
   * first few of them.
   */
  failed(event: {
    provider: string | undefined
    secrets: readonly string[]
    error: ProviderError
    /** How many attempts have failed in a row. */
    attempt: number
    nextTryMs: number
    /** False for the first fetch of a pattern secret: callers choose those names, and may choose many. */
    declared: boolean
  }): void
  /** A fetch succeeded after `attempts` that had failed. */
  recovered(event: { provider: string | undefined; secrets: readonly string[]; attempts: number }): void
  /** No provider, here and below: the secret is composed. */
  loaded(event: { secret: string; provider: string | undefined; version: string; declared: boolean }): void
  rotated(event: {
    secret: string
    provider: string | undefined
    version: string
    previousVersion: string
    declared: boolean
  }): void
  /** From the first load on: also when a provider says that a secret is missing, and when time alone makes it stale. */
  stateChanged(event: {
    secret: string
    provider: string | undefined
    declared: boolean
    from: SecretState
    to: SecretState
    /** `to` is `missing` since the configuration names it no longer, whatever its provider has. */
    removed?: true
  }): void
  /** A provider's circuit breaker opened or closed. */
  breakerChanged(event: {
    provider: string
    /** What it opened for, or closed after. */
    cause: 'unavailable' | 'denied'
    open: boolean
    /** Until the first probe; 0 where it closed. */
    nextProbeMs: number
  }): void
  /**
   * A list no longer names most of what is held: taken for a fault of the backend until it has said so often enough.
   * Told once when it is first doubted and once when it is believed.
   */
  listShrank(event: { provider: string; held: number; vanished: number; believed: boolean }): void
  /**
   * A secret was fetched from `provider`, since the places before were unavailable: `first` for the reason `error`. Told
   * at each such fetch; `begins`: another place served it before, or none.
   */
  fellBack(event: {
    secret: string
    provider: string
    first: string
    error: ProviderError
    begins: boolean
  }): void
  /** The place that is asked first serves a secret again, after `from` did. */
  cameBack(event: { secret: string; provider: string; from: string }): void
  /**
   * What a list of keys named has been asked for by key, as far as there is room for it. `failed`: those that are missing
   * after all, denied, or unfit. `hasMore`, told once: it named more than there is room for, which is fetched when it is asked
   * for.
   */
  discovered(event: { provider: string; loaded: number; failed: number; hasMore: boolean }): void
  /**
   * Something went wrong that nobody foresaw while an answer was taken in, or a secret was composed (no provider then). What
   * was thrown may quote anything, a value too.
   */
  broke(event: { provider: string | undefined; thrown: unknown }): void
}

/** How a call to a provider ended: `ok` brought something new, `unchanged` did not. */
export type CallOutcome = 'ok' | 'unchanged' | ProviderErrorKind

export const callOutcomes: readonly CallOutcome[] = [
  'ok',
  'unchanged',
  'missing',
  'denied',
  'throttled',
  'unavailable',
]
