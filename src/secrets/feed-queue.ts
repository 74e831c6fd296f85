import type { Match } from './rules.ts'

/** One that is to be asked for. */
export interface Queued {
  readonly match: Match
  /** Not before this time, on the monotonic clock. */
  readonly from: number
}

/** What a feed is still to ask for: what is required before the rest, however often it failed. */
export class FeedQueue {
  readonly #required = new Map<string, Queued>()
  readonly #others = new Map<string, Queued>()

  get size(): number {
    return this.#required.size + this.#others.size
  }

  get required(): number {
    return this.#required.size
  }

  /** Behind those of its kind; one that is there already keeps its place. */
  add(match: Match, from: number = Number.NEGATIVE_INFINITY): void {
    const [queue, other] = match.rule.required
      ? [this.#required, this.#others]
      : [this.#others, this.#required]
    other.delete(match.name)
    queue.set(match.name, { match, from })
  }

  has(name: string): boolean {
    return this.#required.has(name) || this.#others.has(name)
  }

  delete(name: string): void {
    this.#required.delete(name)
    this.#others.delete(name)
  }

  clear(): void {
    this.#required.clear()
    this.#others.clear()
  }

  clearOthers(): void {
    this.#others.clear()
  }

  requiredNames(): Iterable<string> {
    return this.#required.keys()
  }

  *names(): Generator<string> {
    yield* this.#required.keys()
    yield* this.#others.keys()
  }

  /** What is taken out meanwhile is passed over. */
  *[Symbol.iterator](): Generator<Queued> {
    yield* this.#required.values()
    yield* this.#others.values()
  }
}
