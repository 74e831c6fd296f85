/** What readers of the cache get: the API, the proxy and the files are written against these. */
import type { ProviderError, ProviderErrorKind, ProviderErrorReason } from './provider.ts'
import type { Rendition } from './rendition.ts'
import type { Secret } from './secret.ts'

/** Whether a held value is served, and how (`design.md`, What each state does). */
export type ServedState = 'fresh' | 'stale'

/** All states a secret can be in; the last two hold no value that could be served. */
export type SecretState = ServedState | 'expired' | 'not-loaded' | 'missing'

export const secretStates: readonly SecretState[] = ['fresh', 'stale', 'expired', 'not-loaded', 'missing']

/** The answer to one read. A read never waits and never calls a backend. */
export type Reading =
  | {
      readonly kind: 'held'
      readonly secret: Secret
      readonly rendition: Rendition
      readonly state: ServedState
      /** Since the provider last confirmed the value, in milliseconds on the monotonic clock. */
      readonly ageMs: number
    }
  /** No rule names it, or the provider said that it is missing: callers cannot tell which. */
  | { readonly kind: 'not-found' }
  /** Declared, or asked for under a pattern, and no fetch has succeeded yet. */
  | { readonly kind: 'not-loaded'; readonly retryAfterMs: number; readonly reason: string }
  | {
      readonly kind: 'expired'
      readonly retryAfterMs: number
      readonly ageMs: number
      /**
       * It expired while the process was suspended, and is being fetched again just now: `demand` waits for that. Nothing
       * that is too old is served, and still nobody is refused for a pause that was none of the provider's.
       */
      readonly overslept?: boolean
    }
  /** A pattern covers the name and nobody has asked for it yet: the refresher's `demand` fetches it. */
  | { readonly kind: 'undiscovered' }

/** Whether the value has to be fetched first, by whoever asks for it: nobody did yet, or the process was suspended. */
export function wantsFetch(reading: Reading): boolean {
  return reading.kind === 'undiscovered' || (reading.kind === 'expired' && reading.overslept === true)
}

/** One secret as lists, metrics and health see it: never a value. */
export interface SecretStatus {
  readonly name: string
  /** Where what is held is from, or what is asked first; undefined of a composed secret. */
  readonly provider: string | undefined
  readonly state: SecretState
  /** Of a secret with several places: whether what is held is not from the one that is asked first. */
  readonly onFallback?: boolean
  readonly required: boolean
  /** Named in the configuration itself rather than covered by a pattern. */
  readonly declared: boolean
  readonly version: string | undefined
  /** When the version held was fetched, in milliseconds since the epoch. */
  readonly fetchedAt: number | undefined
  /** When the provider last confirmed it, in milliseconds since the epoch. */
  readonly confirmedAt: number | undefined
  readonly ageMs: number | undefined
  /** When it stops being served unless it is confirmed again, in milliseconds since the epoch. */
  readonly expiresAt: number | undefined
  /** When the refresher asks the provider again, in milliseconds since the epoch. */
  readonly nextRefreshAt: number | undefined
}

/** How a forced refresh of one secret ended. */
export type RefreshResult =
  | { readonly outcome: 'rotated' | 'unchanged'; readonly status: SecretStatus }
  /** No rule names it, or the provider said that it is missing: `said`, where it was asked for this one. */
  | { readonly outcome: 'not-found'; readonly said?: ProviderError }
  /** The fetch failed; what was held is still held. `status` is absent where nothing is known of the secret. */
  | { readonly outcome: 'failed'; readonly error: ProviderError; readonly status?: SecretStatus }

/** How the report of a caller that a backend refused a version ended. */
export type RejectedResult =
  /** `version` is the one held now; `changed`: it is another than the one reported. */
  | { readonly outcome: 'held'; readonly version: string; readonly changed: boolean }
  /** No rule names it, or nothing is held under the name and the provider has nothing. */
  | { readonly outcome: 'not-found' }
  /** The fetch failed; what was held is still held. */
  | { readonly outcome: 'failed'; readonly error: ProviderError }

/** How a provider's circuit breaker stands (`breaker.ts`). */
export interface BreakerStatus {
  readonly state: 'closed' | 'open' | 'half-open'
  /** Why it is not closed. */
  readonly cause: 'unavailable' | 'denied' | undefined
  /** When it lets the next call through, in milliseconds since the epoch. */
  readonly nextProbeAt: number | undefined
}

/** Why something could not be had, in words. */
export interface ExplainedError {
  readonly kind: ProviderErrorKind
  readonly reason: ProviderErrorReason
  readonly message: string
  readonly at: number
  /** Of a composed secret: which others the message may name, and what to say to those who may not know all of them. */
  readonly naming?: { readonly names: readonly string[]; readonly unnamed: string }
}

/** One of several places that a secret may come from. */
export interface ExplainedPlace {
  readonly provider: string
  readonly key: string
  readonly field: string | undefined
  /** What is held is from here. */
  readonly serves: boolean
  /** Why it brought nothing when it was last asked; undefined where it did, or was not asked. */
  readonly lastError: ExplainedError | undefined
  readonly breaker: BreakerStatus
}

/** A secret that another is composed of. */
export interface ExplainedPart {
  readonly name: string
  readonly state: SecretState
  readonly version: string | undefined
  readonly ageMs: number | undefined
}

/** All that is known of one secret, for people: never a value. Times in milliseconds since the epoch. */
export interface Explanation {
  readonly name: string
  /** The rule that names it, as the configuration spells it: the name itself, or the pattern. */
  readonly rule: string
  /** Where what is held is from; where nothing is, the place that is asked first. Undefined of a composed secret. */
  readonly provider: string | undefined
  /** The provider's name for it. */
  readonly key: string | undefined
  readonly field: string | undefined
  /** All places, in the order in which they are asked; undefined where there is one only. */
  readonly fallback: readonly ExplainedPlace[] | undefined
  /** What it is composed of; undefined where it is fetched. */
  readonly parts: readonly ExplainedPart[] | undefined
  /** `undiscovered`: only a pattern names it and nobody has asked for it yet. */
  readonly state: SecretState | 'undiscovered'
  readonly required: boolean
  readonly version: string | undefined
  readonly ageMs: number | undefined
  readonly refreshMs: number
  /** How long a value is fresh, and so how often it is fetched: `refreshMs`, or the provider's shorter ttl. */
  readonly freshMs: number
  readonly maxStaleMs: number
  readonly lease: { readonly renewable: boolean; readonly endsAt: number } | undefined
  readonly fetchedAt: number | undefined
  readonly lastSuccessAt: number | undefined
  /** Kept after a success too, so that a fault that comes and goes can be found. */
  readonly lastError: ExplainedError | undefined
  /** How many attempts have failed in a row, for this secret. */
  readonly failures: number
  readonly nextAttemptAt: number | undefined
  readonly expiresAt: number | undefined
  /** A call for it is under way, or waits for its turn. */
  readonly fetching: boolean
  /** Of the provider; a composed secret has none, and so none that is open. */
  readonly breaker: BreakerStatus
  /** How many callers wait for a call for it. */
  readonly callersWaiting: number
}
