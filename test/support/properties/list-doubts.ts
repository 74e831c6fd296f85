/** What was said of most of what is held: that it is gone. */
interface Doubt {
  readonly vanished: ReadonlySet<string>
  readonly since: number
  times: number
}

export interface ListAnswer {
  readonly provider: string
  readonly at: number
  /** The names that are held from the provider, and those of them that the list lacks. */
  readonly held: ReadonlySet<string>
  readonly vanished: ReadonlySet<string>
  /** The longest refresh interval of what vanished, in milliseconds. */
  readonly intervalMs: number
}

/** Which lists are to be believed: three times the same over an interval, where most of what is held has vanished. */
export class ListDoubts {
  readonly #doubts = new Map<string, Doubt>()

  believes({ provider, at, held, vanished, intervalMs }: ListAnswer): boolean {
    const before = this.#doubts.get(provider)
    this.#doubts.delete(provider)
    const stillDoubted = before?.vanished.intersection(held)
    const isSame =
      stillDoubted !== undefined &&
      stillDoubted.size > 0 &&
      stillDoubted.symmetricDifference(vanished).size === 0
    const doubt = isSame && before !== undefined ? before : { vanished, since: at, times: 0 }
    if (!isSame && vanished.size * 2 <= held.size) return true
    doubt.times += 1
    if (doubt.times >= 3 && at - doubt.since >= intervalMs) return true
    this.#doubts.set(provider, doubt)
    return false
  }

  /** The provider is asked for nothing any more. */
  forget(provider: string): void {
    this.#doubts.delete(provider)
  }
}
