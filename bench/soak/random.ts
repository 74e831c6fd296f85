/** Randomness from a seed, so that a run that failed can be made again: its decisions, though not its timing. */
export class Dice {
  #state: number

  /** @param seed a whole number; its lowest 32 bits count */
  constructor(seed: number) {
    this.#state = seed >>> 0
  }

  /** From 0 up to, not including, 1 (mulberry32). */
  next(): number {
    this.#state = (this.#state + 0x6d2b79f5) >>> 0
    let mixed = this.#state
    mixed = Math.imul(mixed ^ (mixed >>> 15), mixed | 1)
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32
  }

  /** Dice of their own for one part, so that how often one part throws does not change what another gets. */
  fork(): Dice {
    return new Dice(Math.floor(this.next() * 2 ** 32))
  }

  chance(probability: number): boolean {
    return this.next() < probability
  }

  between(least: number, most: number): number {
    return least + this.next() * (most - least)
  }

  /** A whole number from 0 up to, not including, `count`. */
  below(count: number): number {
    return Math.floor(this.next() * count)
  }

  pick<T>(all: readonly T[]): T {
    const one = all[this.below(all.length)]
    if (one === undefined) throw new Error('nothing to pick from')
    return one
  }

  /** One of several, as often as its weight says. */
  weighted<T extends { readonly weight: number }>(all: readonly T[]): T {
    let left = this.next() * all.reduce((sum, { weight }) => sum + weight, 0)
    for (const one of all) {
      left -= one.weight
      if (left < 0) return one
    }
    return this.pick(all)
  }

  hex(bytes: number): string {
    return Array.from({ length: bytes }, () => this.below(256).toString(16).padStart(2, '0')).join('')
  }
}
