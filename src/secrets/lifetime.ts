import type { Fetched, Lease } from './provider.ts'
import type { Rule } from './rules.ts'

/** A provider's ttl or lease below this, in milliseconds, would have us ask without pause. */
const shortest = 1_000
/** The part of a lease after which a value counts as stale: another should have come by then. */
const freshShare = 0.95

/** How long a value lives from its last confirmation on, in milliseconds. */
export interface Lifetime {
  readonly freshMs: number
  /** How long it is served at all. */
  readonly servedMs: number
}

/** A lease as it is counted: one that is shorter than a second is taken for one of a second. */
export function leaseOf({ lease }: Pick<Fetched, 'lease'>): Lease | undefined {
  if (lease === undefined || lease.durationMs >= shortest) return lease
  return { ...lease, durationMs: shortest }
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
