/**
 * The generic cell rate algorithm (ITU-T I.371, virtual scheduling): one number per key, the theoretical arrival time
 * (TAT), at which all that was let through would have arrived had it come evenly spaced. No window and so no window's
 * edge; how long to wait is exact.
 *
 * Times are milliseconds, in whole ticks of 2⁻²⁰ ms (about a nanosecond). Whole ticks add without rounding, so that a
 * burst of 20 is 20 and not, by the luck of a fraction, 19.
 */
const ticksPerMs = 2 ** 20

export interface Quota {
  readonly burst: number
  /** Between two requests in the long run. */
  readonly interval: number
  /** How far the TAT may lie ahead when a request comes. */
  readonly tolerance: number
}

/** What GCRA says of one request. */
export interface Verdict {
  readonly allowed: boolean
  /** The TAT once the request is let through; where it is not, the one that stands. */
  readonly tat: number
  /** How many requests could follow at once, were this one let through; 0 where it is not. */
  readonly remaining: number
  /** Until a request is let through; 0 where this one is. */
  readonly retryAfterMs: number
  /** Until the whole burst is available again. */
  readonly resetMs: number
}

/** @param rate requests per second @param burst requests that may come at once, a whole number from 1 */
export function quotaOf(rate: number, burst: number): Quota {
  // At least one tick: no clock of ours tells apart what is faster.
  const interval = Math.max(1 / ticksPerMs, inTicks(1_000 / rate))
  return { burst, interval, tolerance: interval * (burst - 1) }
}

/** @param tat the key's TAT; anything in the past, 0 too, stands for a key that owes nothing */
export function judge(quota: Quota, tat: number, now: number): Verdict {
  const { burst, interval, tolerance } = quota
  const arrival = inTicks(now)
  const standing = Math.max(tat, arrival)
  const ahead = standing - arrival
  if (ahead > tolerance) {
    return { allowed: false, tat, remaining: 0, retryAfterMs: ahead - tolerance, resetMs: ahead }
  }
  const next = standing + interval
  const remaining = Math.floor((burst * interval - (next - arrival)) / interval)
  return { allowed: true, tat: next, remaining, retryAfterMs: 0, resetMs: next - arrival }
}

function inTicks(ms: number): number {
  return Math.round(ms * ticksPerMs) / ticksPerMs
}
