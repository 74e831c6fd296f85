import type { FastifyRateLimitStore } from '@fastify/rate-limit'
import rateLimit from '@fastify/rate-limit'
import type { FastifyInstance } from 'fastify'
import { judge, quotaOf } from '../limits/gcra.ts'
import { defaultCapacity, TatTable } from '../limits/tat-table.ts'
import type { Clock } from '../secrets/clock.ts'
import { limitCallers } from './caller-limit.ts'
import { limitRefreshes } from './refresh-limit.ts'

/** Gives the listener its `admitRefresh` and its `admitCaller`. */
export function limitRates(app: FastifyInstance, clock: Pick<Clock, 'now'>): void {
  app.register(rateLimit, { global: false, store: storeOn(clock) })
  limitRefreshes(app)
  limitCallers(app)
}

/**
 * A store for the plugin that has no windows: those of its own let twice the rate pass at their edges, and forget whom
 * they have counted when others come with many keys.
 */
function storeOn(clock: Pick<Clock, 'now'>) {
  return class Store implements FastifyRateLimitStore {
    readonly #table = new TatTable(defaultCapacity)

    incr(...[key, callback, timeWindow, max]: Parameters<FastifyRateLimitStore['incr']>): void {
      const now = clock.now()
      const quota = quotaOf((max * 1_000) / timeWindow, max)
      const { allowed, tat, remaining, retryAfterMs } = judge(quota, this.#table.read(key, now), now)
      if (allowed) this.#table.write(key, tat)
      // The plugin refuses what counts more than `max`, and says when to come again by `ttl`.
      callback(null, { current: allowed ? max - remaining : max + 1, ttl: retryAfterMs })
    }

    /** Each limit counts for itself. */
    child(): FastifyRateLimitStore {
      return new Store()
    }
  }
}
