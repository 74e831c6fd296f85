import type { Clock } from '../../../src/secrets/clock.ts'

interface Waiting {
  readonly what: string
  readonly name: string | undefined
  /** By when it has to be answered, on the monotonic clock. */
  by: number
}

/** Those who wait for an answer. */
export class Callers {
  readonly offences: string[] = []
  /** When somebody was answered last who may have left a call behind in the queue. */
  lastAnsweredAt = Number.NEGATIVE_INFINITY
  readonly #clock: Clock
  readonly #waiting = new Set<Waiting>()

  constructor(clock: Clock) {
    this.#clock = clock
  }

  get count(): number {
    return this.#waiting.size
  }

  waitsFor(name: string): boolean {
    for (const each of this.#waiting) if (each.name === undefined || each.name === name) return true
    return false
  }

  /** @param withinMs how long it takes at the most; @param judge says in the same turn what is wrong with the answer */
  ask<T>(
    what: string,
    name: string | undefined,
    withinMs: number,
    question: () => Promise<T>,
    judge: (answer: T) => string | undefined,
  ): void {
    const waiting: Waiting = { what, name, by: this.#clock.now() + withinMs }
    this.#waiting.add(waiting)
    const end = (offence: string | undefined): void => {
      this.#waiting.delete(waiting)
      this.lastAnsweredAt = this.#clock.now()
      if (offence !== undefined) this.offences.push(`${what}: ${offence}`)
    }
    question().then(
      (value) => end(judge(value)),
      (error) => end(`rejected with ${error}`),
    )
  }

  /** The process stood still for so long, in milliseconds, and nothing that it does moved on meanwhile. */
  suspended(ms: number): void {
    for (const waiting of this.#waiting) waiting.by += ms
    this.lastAnsweredAt += ms
  }

  /** Who should have been answered by now. */
  *overdue(): Generator<string> {
    for (const { what, by } of this.#waiting)
      if (this.#clock.now() >= by) yield `${what} has waited since before ${by}`
  }

  *all(): Generator<string> {
    for (const { what } of this.#waiting) yield what
  }
}
