/**
 * `RateLimit-Policy` and `RateLimit` of the IETF draft (draft-ietf-httpapi-ratelimit-headers-10): lists of structured
 * fields (RFC 9651) whose items are the limits' names. The configuration allows only names that need no escaping.
 */
import type { Quota } from '../../limits/gcra.ts'

/** `"per-client";q=200;w=2`: at most q requests at once, which w seconds restore. */
export function policyHeader(limits: readonly { name: string; quota: Quota }[]): string {
  return limits
    .map(({ name, quota }) => `"${name}";q=${quota.burst};w=${seconds(quota.burst * quota.interval)}`)
    .join(', ')
}

/**
 * `"per-client";r=50;t=30`: r more requests at once; t seconds until all of q is restored, or, where the limit refuses
 * the request, the same moment that Retry-After names.
 */
export function rateLimitHeader(
  limits: readonly { name: string; remaining: number; resetMs: number }[],
): string {
  return limits
    .map(({ name, remaining, resetMs }) => `"${name}";r=${remaining};t=${seconds(resetMs)}`)
    .join(', ')
}

function seconds(ms: number): number {
  return Math.max(1, Math.ceil(ms / 1_000))
}
