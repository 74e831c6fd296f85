import type { Random } from './clock.ts'

/** The first ceiling of the backoff, in milliseconds; it doubles with each attempt that fails. */
const firstCeiling = 1_000
/** Full jitter may draw 0, and a retry after 0 ms is a hot loop against a backend that is in trouble already. */
const shortestDelay = 100
/** No ceiling is above this, in milliseconds, whatever the refresh interval. */
const highestCeiling = 5 * 60_000
/** A backend that asks for more than this, in milliseconds, is not taken at its word: an outage must end some time. */
export const longestRetryAfter = 60 * 60_000

/**
 * How long to wait before the next attempt, in milliseconds: exponential with full jitter, from 1 s to
 * `min(refresh interval, 5 min)`, never sooner than the backend's Retry-After.
 * Full jitter: https://aws.amazon.com/blogs/architecture/exponential-backoff-and-jitter/
 *
 * @param attempt how many attempts have failed in a row, from 1
 */
export function backoffDelay(
  attempt: number,
  refreshMs: number,
  retryAfterMs: number | undefined,
  random: Random,
): number {
  const cap = Math.min(refreshMs, highestCeiling)
  const ceiling = Math.min(cap, firstCeiling * 2 ** Math.min(attempt - 1, 30))
  const jittered = Math.max(shortestDelay, random() * ceiling)
  // Compared rather than passed to Math.max: a NaN would put the next attempt off for ever.
  if (retryAfterMs === undefined || !(retryAfterMs > jittered)) return jittered
  return Math.min(retryAfterMs, longestRetryAfter)
}

/**
 * When to refresh after a success, in milliseconds from the fetch: a little before the interval ends, so that a healthy
 * secret never turns stale between two refreshes, and by a random amount, so that many sidecars do not stay in step.
 */
export function refreshDelay(intervalMs: number, random: Random): number {
  return intervalMs * (0.8 + 0.15 * random())
}
