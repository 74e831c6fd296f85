import type { Clock, Timer } from '../secrets/clock.ts'

export interface RoundsOptions {
  readonly clock: Pick<Clock, 'setTimer'>
  /** Does what is to be done, once. Never rejects. */
  readonly run: () => Promise<void>
}

/**
 * When something is done again and again: one round at a time, each begun at the end of a turn of the event loop, so that
 * what happened in it is seen together; what is asked for meanwhile is one round more.
 */
export class Rounds {
  readonly #options: RoundsOptions
  #isOpen = false
  #isOver = false
  #isDue = false
  #turn: NodeJS.Immediate | undefined
  #running: Promise<void> | undefined
  #timer: Timer | undefined

  constructor(options: RoundsOptions) {
    this.#options = options
  }

  /** Whether none begins any more. */
  get isOver(): boolean {
    return this.#isOver
  }

  /** None begins before. */
  open(): void {
    this.#isOpen = true
  }

  /** The next one begins at the end of this turn, or of the one under way, in place of one that was to begin later. */
  ask(): void {
    if (this.#isOver || !this.#isOpen) return
    this.#timer?.cancel()
    this.#timer = undefined
    if (this.#running !== undefined) this.#isDue = true
    else this.#turn ??= setImmediate(() => this.#begin())
  }

  /**
   * The next one begins after so many milliseconds, unless it is asked for before.
   *
   * @param ask in place of `ask`
   */
  askIn(ms: number, ask: () => void): void {
    if (this.#isOver) return
    this.#timer?.cancel()
    this.#timer = this.#options.clock.setTimer(ask, ms)
  }

  /** Begins no other; one that is under way is finished first. */
  async close(): Promise<void> {
    this.#isOver = true
    clearImmediate(this.#turn)
    this.#timer?.cancel()
    await this.#running
  }

  #begin(): void {
    this.#turn = undefined
    this.#running = this.#options.run().finally(() => {
      this.#running = undefined
      if (!this.#isDue) return
      this.#isDue = false
      this.ask()
    })
  }
}
