import type { Match } from './rules.ts'

/**
 * Matches by name. Nearly every key stands for one secret, and a map of one costs some 200 bytes: there are as many of
 * these as there are keys, so a map is made only for the second name.
 */
export class Matches {
  #only: Match | undefined
  #all: Map<string, Match> | undefined

  get size(): number {
    return this.#all?.size ?? (this.#only === undefined ? 0 : 1)
  }

  /** Takes the place of what the name had before. */
  add(match: Match): void {
    if (this.#all !== undefined) this.#all.set(match.name, match)
    else if (this.#only === undefined || this.#only.name === match.name) this.#only = match
    else {
      this.#all = new Map([
        [this.#only.name, this.#only],
        [match.name, match],
      ])
      this.#only = undefined
    }
  }

  has(name: string): boolean {
    return this.#all?.has(name) ?? this.#only?.name === name
  }

  delete(name: string): void {
    if (this.#all !== undefined) this.#all.delete(name)
    else if (this.#only?.name === name) this.#only = undefined
  }

  clear(): void {
    this.#only = undefined
    this.#all = undefined
  }

  /** In the order in which they came. Iterate over a copy to change them meanwhile. */
  *values(): Generator<Match> {
    if (this.#only !== undefined) yield this.#only
    else if (this.#all !== undefined) yield* this.#all.values()
  }

  *keys(): Generator<string> {
    for (const { name } of this.values()) yield name
  }
}
