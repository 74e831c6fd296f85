/**
 * What answers say of the limits. `draft`: `RateLimit-Policy` and `RateLimit` of the IETF draft
 * (draft-ietf-httpapi-ratelimit-headers-10), lists of structured fields (RFC 9651) whose items are the limits' names; the
 * configuration allows only names that need no escaping. `legacy`: `X-RateLimit-*`, which many APIs have, of the limit
 * that has least left.
 */
import type { Quota } from '../../limits/gcra.ts'

/** How one limit stands after a request. */
export interface Standing {
  readonly name: string
  readonly quota: Quota
  /** As `policyOf` writes it. */
  readonly policy: string
  /** Requests that may follow at once. */
  readonly remaining: number
  /** Until the whole burst is back; where the limit refuses the request, until one passes: what Retry-After says. */
  readonly resetMs: number
}

/** Names and values in turn. */
export type Renderer = (standings: readonly Standing[]) => string[]

export const renderers: Readonly<Record<'draft' | 'legacy' | 'none', Renderer>> = {
  draft(standings) {
    if (standings.length === 0) return []
    let policies = ''
    let states = ''
    for (const standing of standings) {
      const separator = policies === '' ? '' : ', '
      policies += separator + standing.policy
      states += separator + stateOf(standing)
    }
    return ['RateLimit-Policy', policies, 'RateLimit', states]
  },
  legacy(standings) {
    const [first, ...rest] = standings
    if (first === undefined) return []
    const strictest = rest.reduce((a, b) => (isStricter(b, a) ? b : a), first)
    return [
      'X-RateLimit-Limit',
      String(strictest.quota.burst),
      'X-RateLimit-Remaining',
      String(strictest.remaining),
      'X-RateLimit-Reset',
      String(seconds(strictest.resetMs)),
    ]
  },
  none: () => [],
}

/** `"per-client";q=200;w=2`: at most q requests at once, which w seconds restore. */
export function policyOf({ name, quota }: { readonly name: string; readonly quota: Quota }): string {
  return `"${name}";q=${quota.burst};w=${seconds(quota.burst * quota.interval)}`
}

/** `"per-client";r=50;t=30`: r more requests at once; t seconds until all of q is restored, or one more passes. */
function stateOf({ name, remaining, resetMs }: Standing): string {
  return `"${name}";r=${remaining};t=${seconds(resetMs)}`
}

function isStricter(a: Standing, b: Standing): boolean {
  return a.remaining === b.remaining ? a.resetMs > b.resetMs : a.remaining < b.remaining
}

function seconds(ms: number): number {
  return Math.max(1, Math.ceil(ms / 1_000))
}
