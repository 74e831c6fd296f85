import type { SecretState, SecretStatus } from '../secrets/reading.ts'

/** A secret in lists and in the answers to refreshes: never a value. Times as RFC 3339, null where there is none. */
export interface SecretItem {
  readonly name: string
  /** Null of a composed secret. */
  readonly provider: string | null
  readonly version: string | null
  readonly state: SecretState
  /** When the version held was fetched. */
  readonly fetchedAt: string | null
  /** Since the provider last confirmed it, in whole seconds. */
  readonly ageSeconds: number | null
  readonly nextRefreshAt: string | null
  readonly required: boolean
}

export function itemOf(status: SecretStatus): SecretItem {
  return {
    name: status.name,
    provider: status.provider ?? null,
    version: status.version ?? null,
    state: status.state,
    fetchedAt: timestamp(status.fetchedAt),
    ageSeconds: status.ageMs === undefined ? null : wholeSeconds(status.ageMs),
    nextRefreshAt: timestamp(status.nextRefreshAt),
    required: status.required,
  }
}

/** Rounded down, as Age is (RFC 9111, section 5.1), and never negative. */
export function wholeSeconds(ms: number): number {
  return Math.max(0, Math.floor(ms / 1_000))
}

/** The last moment that a `Date` can tell: what lies beyond, as the end of a lease for ever, counts as that. */
const lastMoment = 8.64e15

/** RFC 3339, from milliseconds since the epoch. */
export function timestamp(ms: number | undefined): string | null {
  return ms === undefined ? null : new Date(Math.min(ms, lastMoment)).toISOString()
}
