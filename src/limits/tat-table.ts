/** How many keys one limit remembers: about 10 MB when it is full. */
export const defaultCapacity = 50_000

/** Milliseconds between two walks through a table that is full. A walk takes about one. */
const sweepInterval = 1_000

/**
 * The TAT of each key of one limit, bounded. A key whose TAT has passed owes nothing and says nothing: it is dropped
 * when room is needed. A key that still owes is never dropped, else whoever comes with many keys would clear the debts
 * of others, or its own. When the table is full of debts, new keys share one TAT.
 */
export class TatTable {
  readonly #capacity: number
  readonly #tats = new Map<string, number>()
  #overflow = 0
  #sweptAt = Number.NEGATIVE_INFINITY

  constructor(capacity: number) {
    this.#capacity = capacity
  }

  get size(): number {
    return this.#tats.size
  }

  /** The key's TAT; 0 for one that owes nothing. */
  read(key: string, now: number): number {
    const known = this.#tats.get(key)
    if (known !== undefined) return known
    if (this.#tats.size >= this.#capacity) this.#sweep(now)
    return this.#tats.size < this.#capacity ? 0 : this.#overflow
  }

  /** To be called right after `read` of the same key, if at all: what it found room for must still be free. */
  write(key: string, tat: number): void {
    if (this.#tats.size < this.#capacity || this.#tats.has(key)) this.#tats.set(key, tat)
    else this.#overflow = tat
  }

  #sweep(now: number): void {
    if (now - this.#sweptAt < sweepInterval) return
    this.#sweptAt = now
    for (const [key, tat] of this.#tats) {
      if (tat <= now) this.#tats.delete(key)
    }
  }
}
