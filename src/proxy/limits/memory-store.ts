import { judge, type Verdict } from '../../limits/gcra.ts'
import { TatTable } from '../../limits/tat-table.ts'
import type { Demand, LimitStore, StoredLimit } from './store.ts'

interface Counted extends StoredLimit {
  readonly table: TatTable
}

/** Counts in this process alone. */
export class MemoryStore implements LimitStore {
  readonly #limits: readonly Counted[]

  /** @param former the store until now: what is owed to a limit that keeps its name, key, rate and burst is still owed */
  constructor(limits: readonly StoredLimit[], former?: MemoryStore) {
    const kept = former === undefined ? [] : former.#limits
    this.#limits = limits.map((limit) => ({
      ...limit,
      table: kept.find((other) => isSame(other, limit))?.table ?? new TatTable(limit.maxKeys),
    }))
  }

  take(demands: readonly Demand[], now: number): Verdict[] {
    const verdicts: Verdict[] = []
    let isRefused = false
    for (const { place, key } of demands) {
      const limit = this.#at(place)
      const verdict = judge(limit.quota, limit.table.read(key, now), now)
      if (!verdict.allowed && limit.mode === 'enforce') isRefused = true
      verdicts.push(verdict)
    }
    if (!isRefused) this.#charge(demands, verdicts)
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

  #charge(demands: readonly Demand[], verdicts: readonly Verdict[]): void {
    let at = 0
    for (const { place, key } of demands) {
      const verdict = verdicts[at]
      at += 1
      if (verdict?.allowed) this.#at(place).table.write(key, verdict.tat)
    }
  }

  #at(place: number): Counted {
    const limit = this.#limits[place]
    if (limit === undefined) throw new Error(`there is no limit at place ${place}`)
    return limit
  }
}

function isSame(a: StoredLimit, b: StoredLimit): boolean {
  return (
    a.name === b.name &&
    a.by === b.by &&
    a.maxKeys === b.maxKeys &&
    a.quota.burst === b.quota.burst &&
    a.quota.interval === b.quota.interval
  )
}
