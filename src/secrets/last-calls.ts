import type { Clock } from './clock.ts'
import type { RunOutcome } from './outcome.ts'
import type { UnitSource } from './unit-source.ts'
import type { Place } from './units.ts'

/** How long, in milliseconds, the outcome of a call is the answer for whoever wants another of the same. */
export const callPause = 1_000

interface LastCall {
  /** When the call began, on the monotonic clock. */
  readonly at: number
  readonly outcome: RunOutcome
}

/**
 * What the calls of the last second brought: whoever forces a call again so soon gets that in place of another. Nothing
 * older is kept, so a hundred thousand units that are idle have nothing here.
 */
export class LastCalls {
  readonly #clock: Clock
  /** By source, so that one that is replaced leaves nothing behind; each in the order in which the calls ended. */
  readonly #bySource = new Map<UnitSource, Map<string | undefined, LastCall>>()

  constructor(clock: Clock) {
    this.#clock = clock
  }

  ended(source: UnitSource, key: string | undefined, at: number, outcome: RunOutcome): void {
    const calls = this.#bySource.get(source) ?? new Map<string | undefined, LastCall>()
    this.#bySource.set(source, calls)
    calls.delete(key)
    if (this.#isRecent({ at })) calls.set(key, { at, outcome })
    // They do not end in the order in which they began; one that is out of date behind one that is not goes later.
    for (const [each, call] of calls) {
      if (this.#isRecent(call)) break
      calls.delete(each)
    }
  }

  find({ source, key }: Place): LastCall | undefined {
    const call = this.#bySource.get(source)?.get(key)
    return call !== undefined && this.#isRecent(call) ? call : undefined
  }

  forget(source: UnitSource): void {
    this.#bySource.delete(source)
  }

  #isRecent({ at }: Pick<LastCall, 'at'>): boolean {
    return this.#clock.now() - at < callPause
  }
}
