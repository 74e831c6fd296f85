import type { Clock } from '../../../src/secrets/clock.ts'

export interface Limits {
  readonly maxCallsPerSecond: number
  readonly maxConcurrentCalls: number
  readonly maxQueuedCalls: number
}

/** What stands for a call that is for everything. */
export const everything = Symbol('everything')
/** And for a call that lists the keys. */
export const allKeys = Symbol('all keys')
export type Place = string | typeof everything | typeof allKeys

/** One call, as the backend sees it. */
export interface LedgerCall {
  readonly places: readonly Place[]
  readonly at: number
  /** Places that were asked for no more at some time since: their answer is for nobody. */
  readonly orphaned: Set<Place>
  /** Names that have had another place, or none, at some time since: what is held of them is not what was asked about. */
  readonly moved: Set<string>
}

/** Less than this, in milliseconds after a call, nobody calls again who was not told to. */
const shortestPause = 100
/** A Retry-After of more than this, in milliseconds, is not believed. */
const longestQuiet = 60 * 60_000

/** A backend's own account of the calls that it gets, and of what it has to complain of. */
export class Ledger {
  readonly offences: string[] = []
  readonly underWay = new Set<LedgerCall>()
  calls = 0
  /** Until when it has asked for no calls, and when it began to. */
  quietUntil = 0
  #quietSince = 0
  /** Whether somebody asked for a call just now: those need no pause before them. */
  isPrompted: () => boolean = () => false
  /** Whether anybody waits for what a place answers. Calls that waited in a queue may have been given up there. */
  isWanted: (place: Place) => boolean = () => true
  readonly #name: string
  readonly #clock: Clock
  readonly #limits: Limits
  readonly #endedAt = new Map<Place, number>()
  readonly #callsOf = new Map<Place, number>()
  #tokens: number
  #countedAt = 0

  constructor(name: string, clock: Clock, limits: Limits) {
    this.#name = name
    this.#clock = clock
    this.#limits = limits
    this.#tokens = Math.max(1, limits.maxCallsPerSecond)
    this.#countedAt = clock.now()
  }

  callsOf(place: Place): number {
    return this.#callsOf.get(place) ?? 0
  }

  begin(places: readonly Place[]): LedgerCall {
    const at = this.#clock.now()
    this.calls += 1
    for (const place of places) {
      this.#callsOf.set(place, this.callsOf(place) + 1)
      for (const other of this.underWay)
        if (other.places.includes(place) && !other.orphaned.has(place))
          this.#complain(`two calls at a time for ${String(place)}`)
      const endedAt = this.#endedAt.get(place)
      if (endedAt !== undefined && at - endedAt < shortestPause - 1e-6 && !this.isPrompted())
        this.#complain(`called for ${String(place)} on the heels of the call that ended at ${endedAt}`)
    }
    if (new Set(places).size < places.length) this.#complain(`one key twice in a call: ${places.join(' ')}`)
    // What is asked in the moment of the answer has not heard of it.
    if (at > this.#quietSince && at < this.quietUntil) this.#complain(`called before ${this.quietUntil}`)
    this.#spend(at)
    const call: LedgerCall = {
      places,
      at,
      orphaned: new Set(places.filter((place) => !this.isWanted(place))),
      moved: new Set(),
    }
    this.underWay.add(call)
    if (this.underWay.size > this.#limits.maxConcurrentCalls)
      this.#complain(`${this.underWay.size} calls at a time`)
    return call
  }

  end(call: LedgerCall): void {
    this.underWay.delete(call)
    // What was asked for no more, and then again, has another call already, which has not waited for this one.
    for (const place of call.places)
      if (!call.orphaned.has(place)) this.#endedAt.set(place, this.#clock.now())
  }

  /** It says that it wants no calls for a time, in milliseconds. Undefined: it does not say for how long. */
  quiet(retryAfterMs: number | undefined): void {
    const now = this.#clock.now()
    if (now >= this.quietUntil) this.#quietSince = now
    this.quietUntil = Math.max(this.quietUntil, now + Math.min(retryAfterMs ?? 1_000, longestQuiet))
  }

  /** In any time T at most burst + rate × T calls: a bucket of tokens that is never overdrawn. */
  #spend(at: number): void {
    const { maxCallsPerSecond: rate } = this.#limits
    const burst = Math.max(1, rate)
    this.#tokens = Math.min(burst, this.#tokens + (rate * (at - this.#countedAt)) / 1_000) - 1
    this.#countedAt = at
    if (this.#tokens < -1e-6) this.#complain(`over its budget by ${-this.#tokens} calls`)
  }

  #complain(what: string): void {
    this.offences.push(`${this.#name} at ${this.#clock.now()}: ${what}`)
  }
}
