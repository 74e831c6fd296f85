/** How many keys one limit remembers, where nothing else is said: about 6 MB when it is full. */
export const defaultCapacity = 50_000

/** Milliseconds between two walks through a table that is full. A walk takes about one. */
const sweepInterval = 1_000

/** Keys from which on a walk for what owes nothing any more is worth it. */
const leastSwept = 1_024

/**
 * The TAT of each key of one limit, bounded. A key whose TAT has passed owes nothing and says nothing: it is dropped
 * when room is needed, or when there are twice as many keys as after the last walk, so that what is kept is what is owed.
 * A key that still owes is never dropped, else whoever comes with many keys would clear the debts of others, or its own.
 * When the table is full of debts, new keys share one TAT.
 */
export class TatTable {
  readonly #capacity: number
  readonly #tats = new Map<string, number>()
  #overflow = 0
  #sweptAt = Number.NEGATIVE_INFINITY
  #sweepSize: number

  constructor(capacity: number) {
    this.#capacity = capacity
    this.#sweepSize = Math.min(capacity, leastSwept)
  }

  get size(): number {
    return this.#tats.size
  }

  /** The key's TAT; 0 for one that owes nothing. */
  read(key: string, now: number): number {
    const known = this.#tats.get(key)
    if (known !== undefined) return known
    if (this.#tats.size >= this.#sweepSize) this.#sweep(now)
    return this.#tats.size < this.#capacity ? 0 : this.#overflow
  }

  /** To be called right after `read` of the same key, if at all: what it found room for must still be free. */
  write(key: string, tat: number): void {
    if (this.#tats.size < this.#capacity || this.#tats.has(key)) this.#tats.set(key, tat)
    else this.#overflow = tat
  }

  #sweep(now: number): void {
    // One that is full of debts is not walked through for each new key.
    if (this.#sweepSize === this.#capacity && now - this.#sweptAt < sweepInterval) return
    this.#sweptAt = now
    for (const [key, tat] of this.#tats) {
      if (tat <= now) this.#tats.delete(key)
    }
    this.#sweepSize = Math.min(this.#capacity, Math.max(leastSwept, 2 * this.#tats.size))
  }
}
