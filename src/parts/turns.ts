/** Work that must not overlap: one piece at a time, in the order in which they came. */
export class Turns {
  #last: Promise<unknown> = Promise.resolve()

  /** Begins when everything before has ended, well or not. */
  take<T>(work: () => Promise<T>): Promise<T> {
    const turn = this.#last.then(work, work)
    this.#last = turn.catch(() => {})
    return turn
  }
}
