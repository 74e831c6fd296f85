/** What readers of the cache get. Types only: the API, the proxy and the files are written against these. */
import type { ProviderError } from './provider.ts'
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
  | { readonly kind: 'expired'; readonly retryAfterMs: number; readonly ageMs: number }
  /** A pattern covers the name and nobody has asked for it yet: the refresher's `demand` fetches it. */
  | { readonly kind: 'undiscovered' }

/** One secret as lists, metrics and health see it: never a value. */
export interface SecretStatus {
  readonly name: string
  readonly provider: string
  readonly state: SecretState
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
  /** No rule names it, or the provider said that it is missing. */
  | { readonly outcome: 'not-found' }
  /** The fetch failed; what was held is still held. `status` is absent where nothing is known of the secret. */
  | { readonly outcome: 'failed'; readonly error: ProviderError; readonly status?: SecretStatus }
