import type { Clock } from './clock.ts'

/** How many names are remembered as evicted, and as those that are left alone. */
const maxRemembered = 10_000

/** Which names a list does not have asked for again, though it names them and they are not held. Of each kind so many at the most; the oldest go first. */
export class FeedMemory {
  readonly #clock: Pick<Clock, 'now'>
  readonly #evicted = new Set<string>()
  /** Until when each is left alone, on the monotonic clock. */
  readonly #leftAlone = new Map<string, number>()

  constructor(clock: Pick<Clock, 'now'>) {
    this.#clock = clock
  }

  /** It had to make room. */
  evicted(name: string): void {
    this.#evicted.delete(name)
    this.#evicted.add(name)
    forgetOldest(this.#evicted)
  }

  wasEvicted(name: string): boolean {
    return this.#evicted.has(name)
  }

  /** @param ms how long it is left alone */
  leaveAlone(name: string, ms: number): void {
    this.#leftAlone.delete(name)
    this.#leftAlone.set(name, this.#clock.now() + ms)
    forgetOldest(this.#leftAlone)
  }

  isLeftAlone(name: string): boolean {
    return this.#clock.now() < (this.#leftAlone.get(name) ?? 0)
  }

  clear(): void {
    this.#evicted.clear()
    this.#leftAlone.clear()
  }
}

/** Of names in the order in which they came. */
function forgetOldest(names: Set<string> | Map<string, unknown>): void {
  if (names.size <= maxRemembered) return
  const [oldest] = names.keys()
  if (oldest !== undefined) names.delete(oldest)
}
