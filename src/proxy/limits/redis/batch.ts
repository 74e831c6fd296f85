type Answers = readonly number[] | undefined

interface Waiter {
  readonly from: number
  readonly to: number
  readonly resolve: (answers: Answers) => void
}

/**
 * Keys in one run of the script. Redis does nothing else meanwhile: this many take it about 0.2 ms. Larger ones save
 * nothing any more, and keep it and us from working at the same time.
 */
const mostKeys = 64

/**
 * The requests that came in one turn of the event loop. They go to Redis as one command: to make, send, parse and answer
 * one for each costs more than all the rest.
 */
export class Batch {
  readonly keys: string[] = []
  readonly args: string[] = []
  readonly #waiters: Waiter[] = []
  readonly #ended: () => void
  isOver = false

  /** @param ended what is due once it has been answered, or given up */
  constructor(ended: () => void) {
    this.#ended = ended
  }

  get isFull(): boolean {
    return this.keys.length >= mostKeys
  }

  /** How many requests wait for it. */
  get size(): number {
    return this.#waiters.length
  }

  /** Answers of the request's keys; undefined where there will be none. */
  add(keys: readonly string[], args: readonly string[]): Promise<Answers> {
    const from = this.keys.length
    for (const key of keys) this.keys.push(key)
    for (const arg of args) this.args.push(arg)
    return new Promise((resolve) => {
      this.#waiters.push({ from, to: from + keys.length, resolve })
    })
  }

  /** The first time counts: an answer may come after it was given up. */
  settle(answers: Answers): void {
    if (this.isOver) return
    this.isOver = true
    this.#ended()
    for (const { from, to, resolve } of this.#waiters) resolve(answers?.slice(from, to))
  }
}
