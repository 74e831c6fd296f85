import type { Entry } from './entry.ts'
import type { Reading } from './reading.ts'

/** A time in which the process stood still, and the time that it is given to catch up; both on the monotonic clock. */
export class Sleep {
  readonly #since: number
  readonly #until: number

  constructor(since: number, until: number) {
    this.#since = since
    this.#until = until
  }

  /** What expired while the process stood still says so, for as long as it is given to be fetched again. */
  excuse(entry: Entry, reading: Reading, now: number): Reading {
    if (reading.kind !== 'expired' || now > this.#until || !entry.wasServedAt(this.#since)) return reading
    return { ...reading, overslept: true }
  }
}
