import type { Fetched, Lease } from './provider.ts'
import type { Rule } from './rules.ts'

/** A provider's ttl or lease below this, in milliseconds, would have us ask without pause. */
const shortest = 1_000
/**
 * A lease above this, in milliseconds, is not believed to its end: 366 days. Nobody means a credential to be used for
 * longer without being looked at again, and a backend that mistakes the unit must not have one served for ever.
 */
const longestLease = 366 * 24 * 60 * 60 * 1_000
/** The part of a lease after which a value counts as stale: another should have come by then. */
const freshShare = 0.95

/** How long a value lives from its last confirmation on, in milliseconds. */
export interface Lifetime {
  readonly freshMs: number
  /** How long it is served at all. */
  readonly servedMs: number
}

/** A lease as it is counted: a shorter one than a second for one of a second, a longer one than 366 days for 366 days. */
export function leaseOf({ lease }: Pick<Fetched, 'lease'>): Lease | undefined {
  if (lease === undefined) return undefined
  const durationMs = Math.min(Math.max(lease.durationMs, shortest), longestLease)
  return durationMs === lease.durationMs ? lease : { ...lease, durationMs }
}

/**
 * A leased value ends with its lease, whatever the rule says: it is of no use afterwards, and good until then. Any other
 * is fresh for the rule's interval, or the provider's shorter ttl, and served until `maxStale`.
 */
export function lifetimeOf(rule: Rule, ttlMs: number | undefined, lease: Lease | undefined): Lifetime {
  if (lease !== undefined) return { freshMs: lease.durationMs * freshShare, servedMs: lease.durationMs }
  const freshMs = Math.min(rule.refreshMs, Math.max(shortest, ttlMs ?? Number.POSITIVE_INFINITY))
  return { freshMs, servedMs: rule.maxStaleMs }
}
