/** What a call was for: keys, or undefined for everything that the provider has, which counts as one key. */
export type Asked = readonly (string | undefined)[]

/** Keys told apart, up to as many as matter: callers choose names, and none of this may grow with them. */
class FewKeys {
  readonly #keys = new Set<string | undefined>()
  readonly #limit: number

  constructor(limit: number) {
    this.#limit = limit
  }

  get size(): number {
    return this.#keys.size
  }

  add(asked: Asked): void {
    for (const key of asked) {
      if (this.#keys.size >= this.#limit) return
      this.#keys.add(key)
    }
  }

  has(key: string | undefined): boolean {
    return this.#keys.has(key)
  }

  isSubsetOf(other: FewKeys): boolean {
    return this.#keys.isSubsetOf(other.#keys)
  }

  delete(key: string | undefined): void {
    this.#keys.delete(key)
  }

  clear(): void {
    this.#keys.clear()
  }
}

/** Failures of one cause in a row, and whether they come from enough keys to speak of the provider. */
export class Streak {
  /** How many calls in a row open the breaker, and from how many keys they must be where so many are asked for. */
  readonly #threshold: number
  readonly #failed: FewKeys
  readonly #known: FewKeys
  /** Those among them that are kept current, rather than names that callers chose. */
  readonly #kept: FewKeys
  #calls = 0
  #since = Number.POSITIVE_INFINITY

  constructor(threshold: number) {
    this.#threshold = threshold
    this.#failed = new FewKeys(threshold)
    this.#known = new FewKeys(threshold)
    this.#kept = new FewKeys(threshold)
  }

  /** A key is asked for, whatever comes of it: from then on it takes more than the keys before it to convince. */
  know(key: string | undefined): void {
    this.#known.add([key])
  }

  /** A key is asked for no more: it will never say whether it has failed too. What it has said goes on counting. */
  forget(key: string | undefined): void {
    this.#known.delete(key)
  }

  /** @param now on the monotonic clock */
  failed(asked: Asked, isKept: boolean, now: number): void {
    if (this.#calls === 0) this.#since = now
    this.#calls += 1
    this.#failed.add(asked)
    if (isKept) this.#kept.add(asked)
  }

  end(): void {
    this.#calls = 0
    this.#since = Number.POSITIVE_INFINITY
    this.#failed.clear()
    this.#kept.clear()
  }

  /** When the first call of the row ended, on the monotonic clock; infinite where there is none. */
  get since(): number {
    return this.#since
  }

  /** So many failed that only the keys that were not heard speak against it. */
  get isLongEnough(): boolean {
    return this.#calls >= this.#threshold
  }

  get isConvincing(): boolean {
    return this.isLongEnough && !this.isThin
  }

  /** Keys were asked for since that might have answered: what few keys said must not speak for them. */
  get isThin(): boolean {
    return this.#failed.size < this.#threshold && !this.#known.isSubsetOf(this.#failed)
  }

  /** Whether one of the keys has not failed in this row. Exact while the evidence is thin. */
  hasFresh(asked: Asked): boolean {
    return asked.some((key) => !this.#failed.has(key))
  }

  /** Whether a key that is kept current has still to be heard: names that callers chose do not speak for those. */
  mustHearKept(asked: Asked): boolean {
    return this.#kept.size < this.#threshold && asked.some((key) => !this.#kept.has(key))
  }
}
