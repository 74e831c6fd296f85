import { type Program, type Result, Run } from '../../programs/run.ts'
import type { Clock } from '../../secrets/provider.ts'

export interface RunsOptions {
  readonly clock: Clock
  /** Bytes of output of one run. */
  readonly maxBody: number
  /** How many programs are alive at a time; those that are being ended count. */
  readonly limit: number
}

/** The runs of one provider. */
export class Runs {
  readonly #options: RunsOptions
  readonly #live = new Set<Run>()
  /** Who waits for a run to be over, in the order in which they came. */
  readonly #waiting = new Set<() => void>()

  constructor(options: RunsOptions) {
    this.#options = options
  }

  /** Runs the program when there is room. Where the signal aborts, it is ended; rejects then only if it never began. */
  async run(program: Program, signal: AbortSignal): Promise<Result> {
    while (this.#live.size >= this.#options.limit) await this.#room(signal)
    signal.throwIfAborted()
    const run = new Run(program, this.#options.clock, this.#options.maxBody)
    this.#live.add(run)
    const kill = (): void => run.kill()
    signal.addEventListener('abort', kill, { once: true })
    // Never rejects.
    void run.over.then(() => {
      signal.removeEventListener('abort', kill)
      this.#live.delete(run)
      // All of them: the first may have given up meanwhile, and the others look again.
      for (const wake of this.#waiting) wake()
    })
    return await run.result
  }

  /** Ends all that are under way, and resolves when they are gone. */
  async close(): Promise<void> {
    const live = [...this.#live]
    for (const run of live) run.kill()
    await Promise.all(live.map((run) => run.over))
  }

  async #room(signal: AbortSignal): Promise<void> {
    signal.throwIfAborted()
    const { promise, resolve } = Promise.withResolvers<void>()
    signal.addEventListener('abort', () => resolve(), { once: true })
    this.#waiting.add(resolve)
    await promise
    this.#waiting.delete(resolve)
  }
}
