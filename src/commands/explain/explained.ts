interface Failure {
  readonly kind: 'missing' | 'denied' | 'throttled' | 'unavailable'
  readonly reason: string
  readonly message: string
  readonly at: string
}

interface Breaker {
  readonly state: 'closed' | 'open' | 'half-open'
  readonly cause: 'unavailable' | 'denied' | null
  readonly nextProbeAt: string | null
}

/** A secret that it is composed of. */
export interface ExplainedPart {
  readonly name: string
  readonly state: string
  readonly version: string | null
  readonly ageSeconds: number | null
}

/** One of several places that it may come from. */
export interface ExplainedPlace {
  readonly provider: string
  readonly key: string
  readonly field: string | null
  readonly serves: boolean
  readonly lastError: Failure | null
  readonly breaker: Breaker
}

/** What `GET /v1/explain/{name}` answers, as far as it is shown. Times as RFC 3339, null where there is none. */
export interface Explained {
  readonly name: string
  readonly rule: string
  /** Null of a composed secret, as is `key`. */
  readonly provider: string | null
  readonly key: string | null
  readonly field: string | null
  /** What it is composed of; absent from a sidecar that is older than this command. */
  readonly parts?: readonly ExplainedPart[] | null
  /** Absent from a sidecar that is older than this command. */
  readonly fallback?: readonly ExplainedPlace[] | null
  readonly state: 'fresh' | 'stale' | 'expired' | 'not-loaded' | 'missing' | 'undiscovered'
  readonly required: boolean
  readonly version: string | null
  readonly ageSeconds: number | null
  readonly refreshSeconds: number
  readonly freshSeconds: number
  readonly maxStaleSeconds: number
  readonly lease: { readonly renewable: boolean; readonly endsAt: string } | null
  readonly fetchedAt: string | null
  readonly lastSuccessAt: string | null
  readonly lastError: Failure | null
  readonly failures: number
  readonly nextAttemptAt: string | null
  readonly expiresAt: string | null
  readonly fetching: boolean
  readonly breaker: Breaker
  readonly callersWaiting: number
  readonly waiters: number
}
