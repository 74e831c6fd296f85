/** A list of keys. */
interface Listing {
  /** What it named, is required, and still has to be asked for by key. */
  readonly owed: Set<string>
  /** Whether anything that it named, required or not, still has to be. */
  readonly isBusy: () => boolean
}

/** What the last list of keys of each provider named: readiness waits for what is required of it. */
export class Listings {
  readonly #last = new Map<string, Listing>()

  /**
   * A list came.
   *
   * @param owed the names of required patterns that it named, that there is room for, and that are not held yet
   * @param isBusy whether any name is still to be asked for, at the moment of the question
   */
  listed(provider: string, owed: Iterable<string>, isBusy: () => boolean): void {
    this.#last.set(provider, { owed: new Set(owed), isBusy })
  }

  /** It is held now, or known to be missing or denied. */
  settled(provider: string, name: string): void {
    this.#last.get(provider)?.owed.delete(name)
  }

  /** Whether a provider has ever listed its keys. */
  has(provider: string): boolean {
    return this.#last.has(provider)
  }

  /** Whether it has, and all that is required of what it named was asked for. */
  isSettled(provider: string): boolean {
    return this.#last.get(provider)?.owed.size === 0
  }

  /** Whether it has, and everything that it named was asked for, as far as there is room for it. */
  isDone(provider: string): boolean {
    return this.#last.get(provider)?.isBusy() === false
  }

  /** Other rules hold: lists were read for the patterns that providers had then. */
  keep(isKept: (provider: string) => boolean): void {
    for (const provider of [...this.#last.keys()]) if (!isKept(provider)) this.#last.delete(provider)
  }
}
