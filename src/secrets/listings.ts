/** What a list of keys named, and still has to be asked for by key. */
type Owed = Set<string>

/** What the last list of keys of each provider named: readiness waits for what is required of it. */
export class Listings {
  readonly #owed = new Map<string, Owed>()

  /**
   * A list came.
   *
   * @param owed the names of required patterns that it named, that there is room for, and that are not held yet
   */
  listed(provider: string, owed: Iterable<string>): void {
    this.#owed.set(provider, new Set(owed))
  }

  /** It is held now, or known to be missing or denied. */
  settled(provider: string, name: string): void {
    this.#owed.get(provider)?.delete(name)
  }

  /** Whether a provider has ever listed its keys. */
  has(provider: string): boolean {
    return this.#owed.has(provider)
  }

  /** Whether it has, and all that is required of what it named was asked for. */
  isSettled(provider: string): boolean {
    return this.#owed.get(provider)?.size === 0
  }

  /** Other rules hold: lists were read for the patterns that providers had then. */
  keep(isKept: (provider: string) => boolean): void {
    for (const provider of [...this.#owed.keys()]) if (!isKept(provider)) this.#owed.delete(provider)
  }
}
