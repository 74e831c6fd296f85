import type { Clock, Timer } from '../../src/secrets/clock.ts'
import { settle } from './virtual-clock.ts'

/**
 * The virtual clock for storms: tens of thousands of timers that are due at few different times. Costs the same however
 * many share a time, where `VirtualClock` looks at each of them.
 */
export class StormClock implements Clock {
  #now = 0
  readonly #start: number = Date.UTC(2026, 0, 1)
  readonly #timers = new Map<number, Set<() => void>>()

  now(): number {
    return this.#now
  }

  wall(): number {
    return this.#start + this.#now
  }

  setTimer(fn: () => void, ms: number): Timer {
    const at = this.#now + Math.max(ms, 0)
    const timers = this.#timers.get(at) ?? new Set()
    const run = (): void => fn()
    timers.add(run)
    this.#timers.set(at, timers)
    return {
      cancel: () => {
        timers.delete(run)
        if (timers.size === 0 && this.#timers.get(at) === timers) this.#timers.delete(at)
      },
    }
  }

  /** Moves the clock by `ms`: timers run in the order of their times, and promises settle after each. */
  async advance(ms: number): Promise<void> {
    const end = this.#now + ms
    await settle()
    for (let at = Math.min(...this.#timers.keys()); at <= end; at = Math.min(...this.#timers.keys())) {
      this.#now = at
      const [run] = this.#timers.get(at) ?? []
      if (run === undefined) this.#timers.delete(at)
      else {
        this.#timers.get(at)?.delete(run)
        run()
      }
      await settle()
    }
    this.#now = end
  }
}
