/** The calls that a backend got, and the most that came within a time: what a budget is held against. */
export class Calls {
  readonly #at: number[] = []
  #underWay = 0
  mostAtOnce = 0

  begin(at: number): void {
    this.#at.push(at)
    this.#underWay += 1
    this.mostAtOnce = Math.max(this.mostAtOnce, this.#underWay)
  }

  end(): void {
    this.#underWay -= 1
  }

  get count(): number {
    return this.#at.length
  }

  /** The most calls that came within any `windowMs` milliseconds. */
  mostWithin(windowMs: number): number {
    let most = 0
    let from = 0
    for (const [to, at] of this.#at.entries()) {
      while (at - (this.#at[from] ?? at) >= windowMs) from += 1
      most = Math.max(most, to - from + 1)
    }
    return most
  }
}
