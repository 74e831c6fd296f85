/** What was asked and how it was answered. */
export class Tally {
  readonly #kinds = new Map<string, Map<string, number>>()
  /** How long plain reads took, in milliseconds. */
  readonly latencies: number[] = []

  /** @param outcome a status, or in words what became of it */
  count(kind: string, outcome: string | number): void {
    const outcomes = this.#kinds.get(kind) ?? new Map<string, number>()
    this.#kinds.set(kind, outcomes)
    outcomes.set(String(outcome), (outcomes.get(String(outcome)) ?? 0) + 1)
  }

  get total(): number {
    let sum = 0
    for (const outcomes of this.#kinds.values()) for (const count of outcomes.values()) sum += count
    return sum
  }

  /** Kinds by name, each with its outcomes by name. */
  get rows(): (readonly [kind: string, outcomes: readonly (readonly [outcome: string, count: number])[]])[] {
    const byName = (a: readonly [string, unknown], b: readonly [string, unknown]): number =>
      a[0] < b[0] ? -1 : 1
    return [...this.#kinds]
      .toSorted(byName)
      .map(([kind, outcomes]) => [kind, [...outcomes].toSorted(byName)] as const)
  }

  /** The latency below which a part of the plain reads stayed, in milliseconds. */
  quantile(part: number): number {
    const sorted = this.latencies.toSorted((a, b) => a - b)
    return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * part))] ?? Number.NaN
  }
}
