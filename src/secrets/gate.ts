/** A gate is full: so many wait already that a further one would only wait in vain. */
export class GateFullError extends Error {
  constructor() {
    super('too many calls wait already')
    this.name = 'GateFullError'
  }
}

/** Lets so many through at a time and so many more wait, first come first served, once those who go ahead are through. */
export class Gate {
  readonly #width: number
  readonly #queueLimit: number
  readonly #waiting: (() => void)[] = []
  readonly #ahead: (() => void)[] = []
  #inside = 0

  constructor(width: number, queueLimit: number) {
    this.#width = width
    this.#queueLimit = queueLimit
  }

  /**
   * Runs `work` when there is room. Rejects with GateFullError when the queue is full.
   *
   * @param goesAhead of all who do not; the queue is never full for it
   */
  async run<T>(work: () => Promise<T>, goesAhead = false): Promise<T> {
    if (this.#inside >= this.#width) {
      if (!goesAhead && this.#waiting.length >= this.#queueLimit) throw new GateFullError()
      await new Promise<void>((resolve) => (goesAhead ? this.#ahead : this.#waiting).push(resolve))
    } else {
      this.#inside += 1
    }
    try {
      return await work()
    } finally {
      // The place goes straight to the next in the queue, so that no newcomer slips in between.
      const next = this.#ahead.shift() ?? this.#waiting.shift()
      if (next === undefined) this.#inside -= 1
      else next()
    }
  }
}
