/**
 * What one key of a backend was, from the beginning to now: what the oracle knows. Times in milliseconds of the driver's
 * monotonic clock.
 */
export interface Offer {
  /** Counts the offers of a key; a value that is offered again later is a new offer. */
  readonly index: number
  /** Undefined: the key did not exist. */
  readonly value: Buffer | undefined
  /** Undefined: the backend names no versions. */
  readonly version: string | undefined
  readonly from: number
  /** When the first and the last request arrived that were answered with it; infinite while there was none. */
  firstAskedAt: number
  lastAskedAt: number
}

/** How many clean answers are remembered, to tell whether the sidecar must hold something. */
const maxConfirmations = 16

export class Timeline {
  readonly key: string
  readonly #offers: Offer[] = []
  readonly #byValue = new Map<string, Offer[]>()
  readonly #confirmations: number[] = []

  constructor(key: string) {
    this.key = key
  }

  /** The backend has something else from now on. */
  offer(value: Buffer | undefined, version: string | undefined, at: number): Offer {
    const offer: Offer = {
      index: this.#offers.length,
      value,
      version,
      from: at,
      firstAskedAt: Number.POSITIVE_INFINITY,
      lastAskedAt: Number.NEGATIVE_INFINITY,
    }
    this.#offers.push(offer)
    const slot = slotOf(value)
    const same = this.#byValue.get(slot)
    if (same === undefined) this.#byValue.set(slot, [offer])
    else same.push(offer)
    return offer
  }

  get current(): Offer {
    const last = this.#offers.at(-1)
    if (last === undefined) throw new Error(`nothing was ever offered under ${this.key}`)
    return last
  }

  /** The value before the current one. */
  get previous(): Offer | undefined {
    return this.#offers.findLast(({ value }, at) => value !== undefined && at < this.#offers.length - 1)
  }

  get rotations(): number {
    return Math.max(0, this.#offers.length - 1)
  }

  /** A request that arrived at `arrivedAt` is being answered with an offer. */
  answered(offer: Offer, arrivedAt: number): void {
    offer.firstAskedAt = Math.min(offer.firstAskedAt, arrivedAt)
    offer.lastAskedAt = Math.max(offer.lastAskedAt, arrivedAt)
  }

  /** An answer with a value left whole. */
  confirmed(at: number): void {
    this.#confirmations.push(at)
    if (this.#confirmations.length > maxConfirmations) this.#confirmations.shift()
  }

  /** How many whole answers with a value left between two times; of those that are remembered. */
  confirmedBetween(from: number, to: number): number {
    return this.#confirmations.filter((at) => at >= from && at <= to).length
  }

  /** The offers of a value that a caller who was answered at `at` may have seen, oldest first. */
  candidates(value: Buffer | undefined, at: number): readonly Offer[] {
    return (this.#byValue.get(slotOf(value)) ?? []).filter(({ firstAskedAt }) => firstAskedAt <= at)
  }
}

function slotOf(value: Buffer | undefined): string {
  return value === undefined ? 'missing' : `value ${value.toString('latin1')}`
}
