import type { Random } from './clock.ts'
import type { ProviderErrorKind } from './provider.ts'

/** The first ceiling of the backoff, in milliseconds; it doubles with each attempt that fails. */
const firstCeiling = 1_000
/**
 * So many attempts further on the backoff begins where nobody is refused anything meanwhile: with a ceiling of 8 s. What
 * is held can wait, and ten thousand sidecars that each come back within a second are a stampede.
 */
export const headStart = 3
/** Full jitter may draw 0, and a retry after 0 ms is a hot loop against a backend that is in trouble already. */
const shortestDelay = 100
/** No ceiling is above this, in milliseconds, whatever the refresh interval. */
const highestCeiling = 5 * 60_000
/** Nor above this where somebody is refused a declared secret until an attempt succeeds. */
const highestCeilingAwaited = 30_000
/** The least that a value's approaching end shortens a wait to, in milliseconds. */
const shortestBeforeEnd = 1_000
/** A backend that asks for more than this, in milliseconds, is not taken at its word: an outage must end some time. */
export const longestRetryAfter = 60 * 60_000
/** For how long a provider is left alone that asks for fewer calls and does not say for how long, in milliseconds. */
export const pauseWhenThrottled = 1_000
/** Over how long the units of a provider come back at the most, in milliseconds, once it may be asked again. */
const widestSpread = 150_000
/** And those that bring what somebody is refused. */
const widestSpreadAwaited = 2_000

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
  return notBefore(Math.max(shortestDelay, random() * ceiling), retryAfterMs)
}

/**
 * How long to wait until a list is asked again for one entry that it could not bring, in milliseconds: a random part of
 * 1 s, 2 s, 4 s … until that comes near the interval, from where on the interval alone decides (infinite). What is mended
 * soon is there soon, and the others are fetched again for it a few times, not for as long as it is wrong.
 *
 * @param failures how many lists in a row could not bring it before this one
 */
export function spoiltDelay(
  failures: number,
  intervalMs: number,
  retryAfterMs: number | undefined,
  random: Random,
): number {
  const ceiling = firstCeiling * 2 ** Math.min(failures, 30)
  if (ceiling > intervalMs / 2) return Number.POSITIVE_INFINITY
  return notBefore(Math.max(shortestDelay, random() * ceiling), retryAfterMs)
}

/** A delay that honours Retry-After, of which an hour is believed. All in milliseconds. */
export function notBefore(delayMs: number, retryAfterMs: number | undefined): number {
  // Compared rather than passed to Math.max: a NaN would put the next attempt off for ever.
  if (retryAfterMs === undefined || !(retryAfterMs > delayMs)) return delayMs
  return Math.min(retryAfterMs, longestRetryAfter)
}

/**
 * The ceiling for the backoff of an interval, in milliseconds: lower where somebody is refused meanwhile. Who is denied
 * stays so until a person acts, and each attempt may cost a quota or lock an account: that one is neither lower for a
 * short interval nor for who waits.
 */
export function backoffCap(intervalMs: number, isAwaited: boolean, kind?: ProviderErrorKind): number {
  if (kind === 'denied') return highestCeiling
  return Math.min(intervalMs, isAwaited ? highestCeilingAwaited : highestCeiling)
}

/**
 * A delay that leaves room for another attempt before a value's end: half of what is left at the most. What is over
 * already shortens nothing.
 */
export function beforeEnd(delayMs: number, leftMs: number): number {
  return leftMs > 0 ? Math.min(delayMs, Math.max(shortestBeforeEnd, leftMs / 2)) : delayMs
}

/**
 * When to refresh after a success that came when its interval said, in milliseconds from it: a little before the
 * interval ends (0.81 to 0.99 of it), so that a healthy secret never turns stale between two refreshes, and by a random
 * amount, so that many sidecars do not stay in step.
 */
export function refreshDelay(intervalMs: number, random: Random): number {
  return intervalMs * 0.9 * (0.9 + 0.2 * random())
}

/**
 * When to refresh after the first success, and after one that something else than the interval brought about, in
 * milliseconds from it: anywhere in the interval, so that sidecars which were deployed together or have come back from
 * the same outage, and the secrets of each, are spread over all of it from then on.
 */
export function firstRefreshDelay(intervalMs: number, random: Random): number {
  return Math.max(shortestDelay, intervalMs * 0.9 * (0.02 + 0.98 * random()))
}

/**
 * Over how long the units of a provider come back, in milliseconds, that were refused by us while it was left alone: a
 * thousand sidecars with twenty secrets each would else end an outage with a stampede.
 */
export function returnSpread(intervalMs: number, isAwaited: boolean): number {
  return Math.min(intervalMs / 2, isAwaited ? widestSpreadAwaited : widestSpread)
}

/**
 * How long it takes at the most until a secret is asked for again after its backend has become healthy, in milliseconds,
 * counted from the end of the last call that failed: the backoff, or the breaker's next probe and the way back after it.
 * A Retry-After that the backend gave before comes on top, and so does the time for which its calls hang. Of one that
 * denied, the gap between probes is longer than the backoff after that, whatever the interval.
 *
 * @param longestProbeGapMs between two probes of the provider's circuit breaker
 */
export function longestRecovery(refreshMs: number, longestProbeGapMs: number): number {
  return backoffCap(refreshMs, false) + longestProbeGapMs + returnSpread(refreshMs, false)
}
