import type { Verdict } from '../../limits/gcra.ts'
import type { MemoryStore } from './memory-store.ts'
import type { RedisLimits } from './redis/redis-limits.ts'
import type { Answer, Demand, LimitStore, StoredLimit } from './store.ts'

export interface FallbackOptions {
  /** What both were made for. */
  readonly limits: readonly StoredLimit[]
  readonly redis: RedisLimits
  /** What applies while Redis cannot be asked: this process' own count, or always the same. */
  readonly fallback: MemoryStore | 'allow' | 'deny'
}

/** Counts in Redis, and goes on without where that cannot be asked. */
export class FallbackStore implements LimitStore {
  readonly #limits: readonly StoredLimit[]
  readonly redis: RedisLimits
  readonly #fallback: MemoryStore | 'allow' | 'deny'

  constructor({ limits, redis, fallback }: FallbackOptions) {
    this.#limits = limits
    this.redis = redis
    this.#fallback = fallback
  }

  /** This process' own count, where there is one. */
  get local(): MemoryStore | undefined {
    return typeof this.#fallback === 'string' ? undefined : this.#fallback
  }

  take(demands: readonly Demand[], now: number): Answer | Promise<Answer> {
    const asked = this.redis.take(demands, now)
    if (asked === undefined) return this.#goWithout(demands, now)
    return asked.then((verdicts) => {
      if (verdicts === undefined) return this.#goWithout(demands, now)
      this.#adopt(demands, verdicts, now)
      return verdicts
    })
  }

  async open(): Promise<void> {
    await this.redis.connection.open()
  }

  size(place: number): number {
    return this.local?.size(place) ?? 0
  }

  async close(): Promise<void> {
    this.redis.close()
  }

  #goWithout(demands: readonly Demand[], now: number): Answer {
    return typeof this.#fallback === 'string' ? this.#fallback : this.#fallback.take(demands, now)
  }

  /** What Redis says is owed is owed here as well, so that its failure gives nobody a fresh burst. */
  #adopt(demands: readonly Demand[], verdicts: readonly Verdict[], now: number): void {
    const { local } = this
    if (local === undefined) return
    const isRefused = verdicts.some(
      ({ allowed }, at) => !allowed && this.#limitOf(demands[at])?.mode === 'enforce',
    )
    for (const [at, { allowed, resetMs }] of verdicts.entries()) {
      const demand = demands[at]
      if (demand === undefined) continue
      const interval = this.#limitOf(demand)?.quota.interval ?? 0
      // Where another limit refuses the request, this one is not charged for it.
      local.adopt(demand, allowed && isRefused ? resetMs - interval : resetMs, now)
    }
  }

  #limitOf(demand: Demand | undefined): StoredLimit | undefined {
    return demand === undefined ? undefined : this.#limits[demand.place]
  }
}
