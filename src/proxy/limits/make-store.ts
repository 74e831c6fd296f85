import type { Logger } from 'pino'
import { isEqual } from '../../config/equal.ts'
import type { ProxyConfig } from '../../config/schema.ts'
import type { Clock, Random } from '../../secrets/clock.ts'
import type { SecretValues } from '../../secrets/values.ts'
import type { ProxyObserver } from '../observer.ts'
import { FallbackStore } from './fallback-store.ts'
import { storedLimits } from './limiter.ts'
import { MemoryStore } from './memory-store.ts'
import { RedisConnection } from './redis/connection.ts'
import { RedisLimits } from './redis/redis-limits.ts'
import type { LimitStore } from './store.ts'

export interface StoreDeps {
  readonly log: Logger
  readonly clock: Clock
  readonly observer: Pick<ProxyObserver, 'storeFailed'>
  readonly values: Pick<SecretValues, 'read' | 'watch'>
  /** Jitter of the attempts to reach a Redis again. */
  readonly random?: Random
}

export type StoreSettings = Pick<ProxyConfig, 'limits' | 'store' | 'onStoreFailure'>

/**
 * The store that a configuration wants, not open yet. Whoever made it closes it, each one once, also where it came from
 * a former one: the connection that both have ends with the last of them.
 *
 * @param former the one until now, not closed yet: what is owed to limits that stay is still owed, and the same Redis is
 * not connected to anew
 */
export function makeStore(
  { limits, store, onStoreFailure }: StoreSettings,
  deps: StoreDeps,
  former?: LimitStore,
): LimitStore {
  const stored = storedLimits(limits)
  const local = new MemoryStore(stored, former instanceof FallbackStore ? former.local : memoryOf(former))
  if (store.kind === 'memory') return local
  const kept = former instanceof FallbackStore ? former.redis.connection : undefined
  const connection =
    kept !== undefined && isEqual(kept.config, store)
      ? kept.share(onStoreFailure)
      : new RedisConnection(store, onStoreFailure, { random: Math.random, ...deps })
  return new FallbackStore({
    limits: stored,
    redis: new RedisLimits(stored, connection),
    fallback: onStoreFailure === 'local' ? local : onStoreFailure,
  })
}

function memoryOf(former: LimitStore | undefined): MemoryStore | undefined {
  return former instanceof MemoryStore ? former : undefined
}
