/** Work that has some time. */
export type Late = () => void

/** How long it may take at a time, in milliseconds: whoever asks meanwhile waits for that long. */
const slice = 5
/** How much of it is done at once rather than waited for. */
const little = 100

/** Does work in slices, one a turn of the event loop, in the order in which it came. */
export class LateWork {
  readonly #all = new Set<Late>()
  #done = 0
  #turn: NodeJS.Immediate | undefined
  /** Those who wait, and how much is to be done by then; in order. */
  readonly #waiting: { readonly until: number; readonly resolve: () => void }[] = []

  add(work: Late): void {
    this.#all.add(work)
    this.#turn ??= setImmediate(() => this.#someMore())
  }

  /** Does one piece now. */
  do(work: Late): void {
    if (!this.#all.delete(work)) return
    this.#done += 1
    work()
  }

  /** Does all of it now. */
  finish(): void {
    for (const work of this.#all) this.do(work)
    this.#tell()
  }

  /** Resolves when what there is now is done, whatever comes meanwhile; undefined where that takes no time. */
  done(): Promise<void> | undefined {
    if (this.#all.size <= little) return undefined
    const { promise, resolve } = Promise.withResolvers<void>()
    this.#waiting.push({ until: this.#done + this.#all.size, resolve })
    return promise
  }

  #someMore(): void {
    const until = performance.now() + slice
    for (const work of this.#all) {
      this.do(work)
      if (performance.now() >= until) break
    }
    this.#turn = this.#all.size > 0 ? setImmediate(() => this.#someMore()) : undefined
    this.#tell()
  }

  #tell(): void {
    while ((this.#waiting[0]?.until ?? Number.POSITIVE_INFINITY) <= this.#done)
      this.#waiting.shift()?.resolve()
  }
}
