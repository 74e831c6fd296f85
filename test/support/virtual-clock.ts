import { setImmediate as macrotask } from 'node:timers/promises'
import type { Clock, Timer } from '../../src/secrets/clock.ts'

interface Due {
  readonly at: number
  readonly fn: () => void
}

/** A clock that stands still until a test moves it. */
export class VirtualClock implements Clock {
  #now = 0
  #wall: number
  #timers: Due[] = []

  /** `wall`: milliseconds since the epoch at the start. */
  constructor(wall: number = Date.UTC(2026, 0, 1)) {
    this.#wall = wall
  }

  now(): number {
    return this.#now
  }

  wall(): number {
    return this.#wall
  }

  setTimer(fn: () => void, ms: number): Timer {
    const due: Due = { at: this.#now + Math.max(ms, 0), fn }
    this.#timers.push(due)
    return {
      cancel: () => {
        this.#timers = this.#timers.filter((timer) => timer !== due)
      },
    }
  }

  /** How many timers wait: nothing should be left after a stop. */
  get pending(): number {
    return this.#timers.length
  }

  /** Milliseconds until the next timer is due; undefined where none waits. */
  get next(): number | undefined {
    return this.#timers.length === 0 ? undefined : Math.min(...this.#timers.map(({ at }) => at)) - this.#now
  }

  /**
   * Moves both clocks by `ms`. Timers that become due run in the order of their times, those of the same time in the
   * order in which they were set, each at its own moment; promises settle after each, and may set further timers.
   */
  async advance(ms: number): Promise<void> {
    const end = this.#now + ms
    await settle()
    for (let due = this.#take(end); due !== undefined; due = this.#take(end)) {
      // After a suspension it is late, and the clock does not go back for it.
      this.#move(Math.max(due.at, this.#now))
      due.fn()
      await settle()
    }
    this.#move(end)
  }

  /**
   * Moves both clocks by `ms` and runs no timer, as a suspended process or machine sees it. What became due meanwhile
   * runs at the next `advance`, late.
   */
  suspend(ms: number): void {
    this.#move(this.#now + ms)
  }

  /** Moves the wall clock alone, as an administrator or NTP does. */
  jumpWall(ms: number): void {
    this.#wall += ms
  }

  #take(end: number): Due | undefined {
    let first: Due | undefined
    for (const timer of this.#timers) {
      if (timer.at <= end && (first === undefined || timer.at < first.at)) first = timer
    }
    this.#timers = this.#timers.filter((timer) => timer !== first)
    return first
  }

  #move(to: number): void {
    this.#wall += to - this.#now
    this.#now = to
  }
}

/** Lets everything run that waits for promises alone. */
export async function settle(): Promise<void> {
  await macrotask()
}
