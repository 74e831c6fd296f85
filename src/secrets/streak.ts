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

  clear(): void {
    this.#keys.clear()
  }
}

/** Failures of one cause in a row, and whether they come from enough keys to speak of the provider. */
export class Streak {
  /** How many calls in a row open the breaker, and from how many keys they must be where so many were ever asked for. */
  readonly #threshold: number
  readonly #failed: FewKeys
  readonly #known: FewKeys
  #calls = 0

  constructor(threshold: number) {
    this.#threshold = threshold
    this.#failed = new FewKeys(threshold)
    this.#known = new FewKeys(threshold)
  }

  /** A key is asked for, whatever comes of it: from then on it takes more than the keys before it to convince. */
  know(key: string | undefined): void {
    this.#known.add([key])
  }

  failed(asked: Asked): void {
    this.#calls += 1
    this.#failed.add(asked)
  }

  end(): void {
    this.#calls = 0
    this.#failed.clear()
  }

  get isLongEnough(): boolean {
    return this.#calls >= this.#threshold && !this.isThin
  }

  /** Keys were asked for since that might have answered: what few keys said must not speak for them. */
  get isThin(): boolean {
    return this.#failed.size < this.#known.size
  }

  /** Whether one of the keys has not failed in this row. Exact while the evidence is thin. */
  hasFresh(asked: Asked): boolean {
    return asked.some((key) => !this.#failed.has(key))
  }
}
