/** What went wrong in a run, grouped: a mistake that shows a thousand times is told once, with how often. */
export class Findings {
  readonly #kinds = new Map<string, { count: number; readonly examples: string[] }>()

  /**
   * @param kind what went wrong, in words that are the same each time
   * @param example the case, for whoever looks into it; names and versions, never a value
   */
  add(kind: string, example: string): void {
    let found = this.#kinds.get(kind)
    if (found === undefined) {
      found = { count: 0, examples: [] }
      this.#kinds.set(kind, found)
    }
    found.count += 1
    if (found.examples.length < maxExamples) found.examples.push(example)
  }

  get none(): boolean {
    return this.#kinds.size === 0
  }

  /** One line a kind, and its first cases below. */
  get lines(): string[] {
    return [...this.#kinds].flatMap(([kind, { count, examples }]) => [
      `${kind}: ${count} ×`,
      ...examples.map((example) => `    ${example}`),
    ])
  }

  /** How often a kind was found. */
  count(kind: string): number {
    return this.#kinds.get(kind)?.count ?? 0
  }
}

const maxExamples = 5
