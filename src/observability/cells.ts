/**
 * The numbers behind the metrics: plain fields, so that counting costs a request next to nothing and the metrics
 * library need not be loaded before somebody scrapes.
 */

/** A histogram of durations, in seconds. */
export class DurationCells {
  /** Upper bounds of the buckets, rising, in seconds. */
  readonly bounds: readonly number[]
  /** Per bucket, not cumulative; the last one is what lies above all bounds. */
  readonly counts: number[]
  count = 0
  sum = 0

  constructor(bounds: readonly number[]) {
    this.bounds = bounds
    this.counts = new Array<number>(bounds.length + 1).fill(0)
  }

  observe(durationMs: number): void {
    const seconds = durationMs / 1_000
    let bucket = 0
    while (bucket < this.bounds.length && seconds > (this.bounds[bucket] ?? Number.POSITIVE_INFINITY))
      bucket += 1
    this.counts[bucket] = (this.counts[bucket] ?? 0) + 1
    this.count += 1
    this.sum += seconds
  }
}

/** A counter over a small, growing set of label values. */
export class CounterCells<Key extends string> {
  readonly #cells: Map<Key, number>

  /** @param known label values that are shown as 0 from the start, so that a first increase is seen as one */
  constructor(known: Iterable<Key> = []) {
    this.#cells = new Map([...known].map((key) => [key, 0]))
  }

  increase(key: Key, by = 1): void {
    this.#cells.set(key, (this.#cells.get(key) ?? 0) + by)
  }

  get(key: Key): number {
    return this.#cells.get(key) ?? 0
  }

  entries(): Iterable<[Key, number]> {
    return this.#cells
  }
}

/** The methods that get a label value of their own: a caller may send any word, a label must not grow with it. */
const methods = ['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS'] as const
export type MethodLabel = (typeof methods)[number] | 'other'

/**
 * From the moment a request is routed until its answer is handed to the socket: a read from memory is tens of
 * microseconds, a forced refresh may take as long as a backend's timeout.
 */
const requestBounds = [0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.05, 0.1, 0.5, 1, 5, 10, 30]

/** The requests to one route. */
export class RouteCells {
  readonly durations = new DurationCells(requestBounds)
  /** By method and status: the method's place times 1,000, plus the status. */
  readonly #counts = new Map<number, number>()

  /** @param status HTTP status; 499 where the caller left before the answer */
  count(method: string | undefined, status: number, durationMs: number): void {
    const cell = methodPlace(method) * 1_000 + status
    this.#counts.set(cell, (this.#counts.get(cell) ?? 0) + 1)
    this.durations.observe(durationMs)
  }

  /** Shows an answer as 0 before it was given once, so that a first increase is seen as one. */
  expect(method: string, status: number): void {
    const cell = methodPlace(method) * 1_000 + status
    if (!this.#counts.has(cell)) this.#counts.set(cell, 0)
  }

  *requests(): Generator<{ method: MethodLabel; status: string; count: number }> {
    for (const [cell, count] of this.#counts) {
      const method = methods[Math.floor(cell / 1_000)] ?? 'other'
      yield { method, status: String(cell % 1_000), count }
    }
  }
}

const places = new Map<string | undefined, number>(methods.map((method, place) => [method, place]))

function methodPlace(method: string | undefined): number {
  return places.get(method) ?? methods.length
}
