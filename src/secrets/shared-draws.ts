import type { Clock, Random } from './clock.ts'
import type { UnitSource } from './unit-source.ts'

/** What ends within this time, in milliseconds, was one batch. */
const batchWindow = 50

/**
 * The jitter of a source's units. Where one call may serve many keys, those that were served together are drawn one lot,
 * so that they come due together and stay one call; the lot differs from batch to batch, and from sidecar to sidecar.
 */
export class SharedDraws {
  readonly #clock: Clock
  readonly #random: Random
  readonly #last = new WeakMap<object, { readonly at: number; readonly draw: number }>()

  constructor(clock: Clock, random: Random) {
    this.#clock = clock
    this.#random = random
  }

  /** A number in [0, 1) for a unit whose run ends now. */
  for({ batch }: UnitSource): number {
    if (batch === undefined) return this.#random()
    const now = this.#clock.now()
    const last = this.#last.get(batch)
    if (last !== undefined && now - last.at <= batchWindow) return last.draw
    const draw = this.#random()
    this.#last.set(batch, { at: now, draw })
    return draw
  }
}
