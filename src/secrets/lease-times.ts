import type { Entry } from './entry.ts'
import type { Lease } from './provider.ts'

export type Held = NonNullable<Entry['held']>

/** Which part of a lease may pass before it is renewed: two thirds, ±10 % of that. */
const renewAt = (draw: number): number => (2 / 3) * (0.9 + 0.2 * draw)
/** And before another credential is fetched, where it cannot be renewed: late, yet in time for more than one attempt. */
const fetchAt = (draw: number): number => 0.85 + 0.1 * draw
/** Where the provider says from when on: within 10 % of that, and no later than this part of the lease. */
const latestReplacement = 0.95
/** From this part of a lease on it is no longer tried to renew it: the next credential has to be there by its end. */
const lastRenewal = 0.85
/** A lease that a renewal shortens to less than this part of the first is at its backend's limit, and near its end. */
const leastRenewal = 0.5

/** The lease of what is held, where it can still be made to last longer at `now` (monotonic). */
export function renewable(held: Held | undefined, now: number): Lease | undefined {
  if (held?.lease === undefined || !canRenew(held)) return undefined
  return now < held.confirmedAt + lastRenewal * held.servedMs ? held.lease : undefined
}

function canRenew({ lease, firstLeaseMs }: Held): boolean {
  if (lease?.renewable !== true) return false
  return lease.durationMs >= leastRenewal * (firstLeaseMs ?? lease.durationMs)
}

/**
 * When a leased value wants its next call, on the monotonic clock: while it can be renewed for that, else for the
 * credential that is to take its place. The old one is served until its end meanwhile.
 *
 * @param renews whether it can be renewed where the lease allows it
 * @param tookMs how long the last call took: the next one takes its time too
 * @param draw of [0, 1)
 */
export function leaseNeed(held: Held, renews: boolean, tookMs: number, draw: number): number {
  const usable = Math.max(held.servedMs - tookMs, held.servedMs / 4)
  if (renews && canRenew(held)) return held.confirmedAt + usable * renewAt(draw)
  const replaceAfterMs = held.lease?.replaceAfterMs
  // What is no time in the lease says nothing: at 0 another credential would be made each second.
  if (replaceAfterMs === undefined || !(replaceAfterMs > 0)) return held.confirmedAt + usable * fetchAt(draw)
  return held.confirmedAt + Math.min(replaceAfterMs * (0.9 + 0.2 * draw), usable * latestReplacement)
}
