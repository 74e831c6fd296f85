import type { Clock, Timer } from '../../src/secrets/clock.ts'

/** A timer that waits in a bucket, or none any more. */
class Waiting implements Timer {
  readonly fn: () => void
  /** Where it waits; undefined once it ran, or was cancelled. */
  bucket: Waiting[] | undefined
  /** Its place in the bucket. */
  at: number

  constructor(fn: () => void, bucket: Waiting[] | undefined) {
    this.fn = fn
    this.bucket = bucket
    this.at = bucket?.length ?? 0
    bucket?.push(this)
  }

  cancel(): void {
    const { bucket, at } = this
    if (bucket === undefined) return
    this.bucket = undefined
    // The last one takes the place: nobody who shares a tick may count on an order.
    const last = bucket.pop()
    if (last === undefined || last === this) return
    bucket[at] = last
    last.at = at
  }
}

/**
 * The virtual clock of a whole fleet: a calendar of ticks with a bucket of timers each, so that setting, cancelling and
 * running a timer cost the same however many wait. Time is quantised: a timer runs at the first tick at or after its
 * time, at the soonest at the next one. Promises settle once after each tick in which a timer ran.
 */
export class SimulationClock implements Clock {
  readonly tickMs: number
  readonly #start: number
  readonly #buckets: (Waiting[] | undefined)[]
  #tick = 0

  /**
   * @param endMs how far the simulation goes at the most; timers beyond it never run
   * @param wall milliseconds since the epoch at the start
   */
  constructor(endMs: number, tickMs = 25, wall: number = Date.UTC(2026, 0, 1)) {
    this.tickMs = tickMs
    this.#start = wall
    this.#buckets = new Array<Waiting[] | undefined>(Math.ceil(endMs / tickMs) + 1)
  }

  now(): number {
    return this.#tick * this.tickMs
  }

  wall(): number {
    return this.#start + this.now()
  }

  setTimer(fn: () => void, ms: number): Timer {
    const tick = Math.max(this.#tick + 1, Math.ceil((this.now() + ms) / this.tickMs))
    return new Waiting(fn, this.#bucket(tick))
  }

  /** Runs everything that is due until then. */
  async runUntil(endMs: number): Promise<void> {
    const end = Math.min(Math.floor(endMs / this.tickMs), this.#buckets.length - 1)
    const { promise, resolve, reject } = Promise.withResolvers<void>()
    const step = (): void => {
      try {
        const ran = this.#runNextTick(end)
        // In a task of its own, before which all promises have settled.
        if (ran) setImmediate(step)
        else resolve()
      } catch (error) {
        reject(error)
      }
    }
    setImmediate(step)
    await promise
  }

  /** @returns whether there was a tick with a timer until `end` */
  #runNextTick(end: number): boolean {
    while (this.#tick < end) {
      this.#tick += 1
      const bucket = this.#buckets[this.#tick]
      if (bucket === undefined) continue
      // Its timers set others for later ticks only; one of them may cancel one that still waits beside it.
      for (let timer = bucket.pop(); timer !== undefined; timer = bucket.pop()) {
        timer.bucket = undefined
        timer.fn()
      }
      this.#buckets[this.#tick] = undefined
      return true
    }
    return false
  }

  #bucket(tick: number): Waiting[] | undefined {
    if (tick >= this.#buckets.length) return undefined
    const existing = this.#buckets[tick]
    if (existing !== undefined) return existing
    const bucket: Waiting[] = []
    this.#buckets[tick] = bucket
    return bucket
  }
}
