import type { Timer } from '../../../src/secrets/clock.ts'
import { VirtualClock } from '../../support/virtual-clock.ts'

/**
 * A virtual clock that knows who waits on it. A call of the `http` provider and a caller who waits for a first fetch each
 * hold one timer of a known length for as long as they wait, so the clock sees how many of them there are, and no part
 * of the product has to tell a test.
 */
export class WatchedClock extends VirtualClock {
  readonly #waiting = new Map<number, number>()
  readonly #begun = new Map<number, number>()
  readonly #changed: () => void

  /**
   * @param lengths of the timers to count, in milliseconds; each such that none but a schedule's timer can have it
   * @param changed is called whenever one of them begins or ends
   */
  constructor(lengths: readonly number[], changed: () => void) {
    super()
    for (const ms of lengths) this.#waiting.set(ms, 0)
    this.#changed = changed
  }

  /** How many timers of this length are set now. */
  waiting(ms: number): number {
    return this.#waiting.get(ms) ?? 0
  }

  /** How many timers of this length have been set so far. */
  begun(ms: number): number {
    return this.#begun.get(ms) ?? 0
  }

  override setTimer(fn: () => void, ms: number): Timer {
    const waiting = this.#waiting.get(ms)
    if (waiting === undefined || isOfSchedule()) return super.setTimer(fn, ms)
    this.#waiting.set(ms, waiting + 1)
    this.#begun.set(ms, this.begun(ms) + 1)
    this.#changed()
    let over = false
    const end = (): void => {
      if (over) return
      over = true
      this.#waiting.set(ms, this.waiting(ms) - 1)
      this.#changed()
    }
    const timer = super.setTimer(() => {
      end()
      fn()
    }, ms)
    return {
      cancel() {
        timer.cancel()
        end()
      },
    }
  }
}

/** The one timer of a schedule can have any length, and once in a while it is one of those that are counted. */
function isOfSchedule(): boolean {
  return new Error().stack?.includes('/secrets/schedule.ts') === true
}
