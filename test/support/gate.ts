/** What a test holds back for a while. */
export class Gate {
  #opened: Promise<void> | undefined

  /** Until the returned function is called, nobody passes. */
  hold(): () => void {
    const { promise, resolve } = Promise.withResolvers<void>()
    this.#opened = promise
    return () => {
      this.#opened = undefined
      resolve()
    }
  }

  async pass(): Promise<void> {
    await this.#opened
  }
}
