import { hash } from 'node:crypto'
import type { Quota, Verdict } from '../../../limits/gcra.ts'
import type { Demand, StoredLimit } from '../store.ts'
import type { RedisConnection } from './connection.ts'
import { argumentsOf, intervalInTicks, verdictOf } from './script.ts'

interface Limit {
  readonly quota: Quota
  /** What the keys of the limit begin with. */
  readonly key: string
  readonly args: ReturnType<typeof argumentsOf>
}

/** The limits of one configuration, as they lie in Redis. */
export class RedisLimits {
  readonly #connection: RedisConnection
  readonly #limits: readonly Limit[]
  #isClosed = false

  /** @param connection is released with `close` */
  constructor(limits: readonly StoredLimit[], connection: RedisConnection) {
    this.#connection = connection
    // The braces are what a cluster chooses the slot by: one script may have keys of one slot only. A limit that has
    // another rate begins anew, and replicas that still have the former one do not spoil it.
    this.#limits = limits.map(({ name, quota, mode }) => ({
      quota,
      key: `{${connection.config.prefix}}:${name}:${intervalInTicks(quota)}:${quota.burst}:`,
      args: argumentsOf(quota, mode),
    }))
  }

  get connection(): RedisConnection {
    return this.#connection
  }

  /** Undefined where Redis cannot be asked; at once where that is known. Never rejects. */
  take(demands: readonly Demand[], now: number): Promise<Verdict[] | undefined> | undefined {
    const keys: string[] = []
    const args: string[] = []
    for (const [at, { place, key }] of demands.entries()) {
      const limit = this.#limitAt(place)
      keys.push(limit.key + digestOf(key))
      args.push(...(at === demands.length - 1 ? limit.args.last : limit.args.middle))
    }
    return this.#connection
      .ask(keys, args)
      ?.then((answers) =>
        answers?.map((answer, at) => verdictOf(answer, this.#limitAt(demands[at]?.place).quota, now)),
      )
  }

  close(): void {
    if (this.#isClosed) return
    this.#isClosed = true
    this.#connection.release()
  }

  #limitAt(place: number | undefined): Limit {
    const limit = place === undefined ? undefined : this.#limits[place]
    if (limit === undefined) throw new Error(`there is no limit at place ${place}`)
    return limit
  }
}

/** Addresses and paths lie in Redis as hashes only; what all share is nobody's. */
function digestOf(key: string): string {
  return key === '' ? '' : hash('sha256', key, 'base64url').slice(0, 22)
}
