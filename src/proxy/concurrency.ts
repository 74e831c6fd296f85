import type { ProxyConfig } from '../config/schema.ts'
import type { Clock, Timer } from '../secrets/clock.ts'

/** Somebody who waits for a place. One of the two is called, once, unless it leaves before. */
export interface Waiting {
  granted(): void
  /** The time for which one may wait is over. */
  tooLate(): void
}

/** How many requests the application has at once, and who waits for a place, first come first served. */
export class Concurrency {
  readonly #clock: Clock
  #bounds: ProxyConfig['concurrency']
  #taken = 0
  /** In the order in which they came. */
  readonly #queue = new Map<Waiting, Timer>()

  constructor(bounds: ProxyConfig['concurrency'], clock: Clock) {
    this.#bounds = bounds
    this.#clock = clock
  }

  get queueDepth(): number {
    return this.#queue.size
  }

  /** From now on these bounds hold. Who has a place keeps it, and who waits goes on waiting. */
  change(bounds: ProxyConfig['concurrency']): void {
    this.#bounds = bounds
    this.#grant()
  }

  /** @returns whether there was a place; it is to be given back */
  take(): boolean {
    const { max } = this.#bounds
    if (max > 0 && (this.#taken >= max || this.#queue.size > 0)) return false
    this.#taken += 1
    return true
  }

  /** @returns whether there is room in the queue */
  wait(waiting: Waiting): boolean {
    const { queue, queueTimeout } = this.#bounds
    if (this.#queue.size >= queue) return false
    const timer = this.#clock.setTimer(() => {
      this.#queue.delete(waiting)
      waiting.tooLate()
    }, queueTimeout)
    this.#queue.set(waiting, timer)
    return true
  }

  /** It does not wait any more. */
  leave(waiting: Waiting): void {
    this.#queue.get(waiting)?.cancel()
    this.#queue.delete(waiting)
  }

  /** A place that was taken, or granted, is free again. */
  giveBack(): void {
    this.#taken -= 1
    this.#grant()
  }

  #grant(): void {
    const { max } = this.#bounds
    for (const [waiting, timer] of this.#queue) {
      if (max > 0 && this.#taken >= max) return
      timer.cancel()
      this.#queue.delete(waiting)
      this.#taken += 1
      waiting.granted()
    }
  }
}
