import { judge, type Verdict } from '../../limits/gcra.ts'
import { TatTable } from '../../limits/tat-table.ts'
import type { Demand, LimitStore, StoredLimit } from './store.ts'

interface Counted extends StoredLimit {
  readonly table: TatTable
}

/** Counts in this process alone. */
export class MemoryStore implements LimitStore {
  readonly #limits: readonly Counted[]

  /** @param former the store until now: what is owed to a limit that keeps its name, rate and burst is still owed */
  constructor(limits: readonly StoredLimit[], former?: MemoryStore) {
    const kept = former === undefined ? [] : former.#limits
    this.#limits = limits.map((limit) => ({
      ...limit,
      table: kept.find((other) => isSame(other, limit))?.table ?? new TatTable(limit.maxKeys),
    }))
  }

  take(demands: readonly Demand[], now: number): Verdict[] {
    const verdicts = demands.map(({ place, key }) => this.#judge(place, key, now))
    if (!demands.some(({ place }, at) => this.#refuses(place, verdicts[at]))) {
      for (const [at, { place, key }] of demands.entries()) {
        const verdict = verdicts[at]
        if (verdict?.allowed) this.#limits[place]?.table.write(key, verdict.tat)
      }
    }
    return verdicts
  }

  /**
   * Takes over what a request owes as another store counted it, so that this one can go on where that one stopped.
   *
   * @param aheadMs how far the key's TAT lies ahead
   */
  adopt({ place, key }: Demand, aheadMs: number, now: number): void {
    const table = this.#limits[place]?.table
    if (table === undefined || aheadMs <= 0) return
    // Asked first, since that is what finds room.
    const known = table.read(key, now)
    const tat = now + aheadMs
    if (tat > known) table.write(key, tat)
  }

  size(place: number): number {
    return this.#limits[place]?.table.size ?? 0
  }

  async open(): Promise<void> {}

  async close(): Promise<void> {}

  #judge(place: number, key: string, now: number): Verdict {
    const limit = this.#limits[place]
    if (limit === undefined) throw new Error(`there is no limit at place ${place}`)
    return judge(limit.quota, limit.table.read(key, now), now)
  }

  #refuses(place: number, verdict: Verdict | undefined): boolean {
    return verdict?.allowed === false && this.#limits[place]?.mode === 'enforce'
  }
}

function isSame(a: StoredLimit, b: StoredLimit): boolean {
  return (
    a.name === b.name &&
    a.maxKeys === b.maxKeys &&
    a.quota.burst === b.quota.burst &&
    a.quota.interval === b.quota.interval
  )
}
