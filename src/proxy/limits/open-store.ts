import type { Logger } from 'pino'
import type { ProxyConfig } from '../../config/schema.ts'
import type { Clock } from '../../secrets/clock.ts'
import type { SecretValues } from '../../secrets/values.ts'
import type { ProxyObserver } from '../observer.ts'
import { storedLimits } from './limiter.ts'
import { MemoryStore } from './memory-store.ts'
import type { LimitStore } from './store.ts'

export interface StoreDeps {
  readonly log: Logger
  readonly clock: Clock
  readonly observer: Pick<ProxyObserver, 'storeFailed'>
  readonly values: Pick<SecretValues, 'read'>
}

export type StoreSettings = Pick<ProxyConfig, 'limits' | 'store' | 'onStoreFailure'>

/**
 * The store that a configuration wants.
 *
 * @param former the one until now: what is owed to limits that stay is still owed
 */
export async function openStore(
  { limits, store }: StoreSettings,
  _deps: StoreDeps,
  former?: LimitStore,
): Promise<LimitStore> {
  if (store.kind === 'redis') throw new Error('not yet')
  return new MemoryStore(storedLimits(limits), former instanceof MemoryStore ? former : undefined)
}
