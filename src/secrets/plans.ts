import type { SecretCache } from './cache.ts'
import type { Clock, Random } from './clock.ts'
import type { Ending } from './ending.ts'
import { broughtSomething, endedLease, hadNoTurn, isRefused } from './ending.ts'
import { Meetings } from './meetings.ts'
import { Planner } from './planner.ts'
import { calledAt, Probers } from './probers.ts'
import type { ProviderError } from './provider.ts'
import type { Rules } from './rules.ts'
import { SharedDraws } from './shared-draws.ts'
import type { Source } from './source.ts'
import type { Unit } from './unit.ts'
import type { UnitSource } from './unit-source.ts'
import type { Units } from './units.ts'

/**
 * How soon the one that probes a breaker looks again, in milliseconds, where another's probe is under way, or where the
 * time for the probe has come while its own call took so long.
 */
const shortestLook = 100

export interface PlansOptions {
  readonly rules: Rules
  readonly cache: SecretCache
  readonly clock: Clock
  readonly random: Random
  readonly units: Units
}

/** When a unit comes next, after a run of it and while its provider is left alone. All times on the monotonic clock. */
export class Plans {
  readonly #cache: SecretCache
  readonly #clock: Clock
  readonly #random: Random
  readonly #probers: Probers
  readonly #draws: SharedDraws
  readonly #meetings = new Meetings()
  #planner: Planner

  constructor(options: PlansOptions) {
    this.#cache = options.cache
    this.#clock = options.clock
    this.#random = options.random
    this.#probers = new Probers(options.units)
    this.#draws = new SharedDraws(options.clock, options.random)
    this.#planner = new Planner(options.rules, options.cache, options.random)
  }

  get planner(): Planner {
    return this.#planner
  }

  /** Other rules hold from now on. */
  apply(rules: Rules): void {
    this.#planner = new Planner(rules, this.#cache, this.#random)
  }

  /** When the next run of a unit begins whose run has just ended. Knows from then on whether it is paced. */
  after(unit: Unit, ending: Ending): number {
    const now = this.#clock.now()
    const { paced } = unit
    unit.paced = false
    const { error } = ending
    const probeAt = error === undefined ? undefined : this.#probeAfter(unit, error, now)
    if (probeAt !== undefined) return probeAt
    if (error !== undefined && hadNoTurn(ending)) {
      return this.#planner.afterLostTurn(unit, now, error, lostTurns(unit, ending))
    }
    if (error !== undefined && isRefused(ending)) return this.#planner.afterRefusal(unit, now, error)
    if (endedLease(ending)) return this.#planner.afterLostLease(now)
    // Each counted for itself: a failure after days of a missing secret is the first one.
    const attempts = unit.failures > 0 ? unit.failures : unit.misses
    // Each fetch of a lease makes another credential: that one of the rules finds no field in it is no reason for that.
    if (attempts > 0 && !(broughtSomething(ending) && this.#planner.isLeased(unit))) {
      return this.#planner.afterFailure(unit, now, attempts, error)
    }
    const draw = this.#draws.for(unit.source)
    const alone = this.#planner.afterSuccess(unit, now, ending.tookMs, () => draw, paced)
    // What is leased goes by its lease; a list is a call of its own.
    const goesAlone = unit.key === undefined || this.#planner.isLeased(unit)
    const nextAt = goesAlone ? alone : this.#meetings.near(unit.source, now, alone)
    // An answer that came when what it brought had expired already, as after a suspension, is followed by another soon.
    const isLate = error === undefined && this.#planner.isAwaited(unit, now, ending.outcome.secrets)
    const again = isLate ? this.#planner.afterFailure(unit, now, 1, undefined) : nextAt
    const spoilt = this.#planner.afterSpoilt(unit, now, ending.outcome.secrets)
    const sooner = Math.min(again, spoilt, this.#probeBy(unit, now))
    unit.paced = nextAt <= sooner
    return this.#orLookBack(unit, now, Math.min(nextAt, sooner))
  }

  /** When the next run of a unit begins that has asked the places before the one that serves in vain. */
  afterLookingBack(unit: Unit): number {
    const now = this.#clock.now()
    unit.paced = false
    return this.#orLookBack(unit, now, this.#planner.afterSuccess(unit, now, 0, this.#random, false))
  }

  /** The source's breaker opened, or opened again. @returns the unit that is to come when it lets a call through */
  proberOf(source: UnitSource): Unit | undefined {
    return this.#probers.choose(source)
  }

  /** @returns the unit that is asked whether the credential is refused to it too: one that was not called since `since` */
  witnessOf(source: Source, since: number): Unit | undefined {
    // Each fetch of a lease makes another credential: that a key is refused is no reason for that.
    const unit = this.#probers.longestUncalled(
      source,
      (each) => !each.listsKeys && !this.#planner.isLeased(each),
    )
    return unit !== undefined && calledAt(unit) < since ? unit : undefined
  }

  /** The unit is no longer kept. @returns when another is to come in its place, since it was to probe an open breaker */
  gone(unit: Unit): number | undefined {
    if (!this.#probers.gone(unit)) return undefined
    const { state, probeAt } = unit.source.breaker
    return state === 'open' ? probeAt : undefined
  }

  /** The source was replaced or removed. */
  forget(source: Source): void {
    this.#probers.forget(source)
  }

  /** Knows from then on whether the next run looks back. */
  #orLookBack(unit: Unit, now: number, nextAt: number): number {
    const lookBackAt = this.#planner.lookBackAt(unit, now)
    unit.looksBack = lookBackAt < nextAt
    if (unit.looksBack) unit.paced = false
    return Math.min(lookBackAt, nextAt)
  }

  /** When a unit comes that failed, where it is the one that finds out whether the source's breaker may close. */
  #probeAfter(unit: Unit, error: ProviderError, now: number): number | undefined {
    const { state, probeAt } = unit.source.breaker
    // A provider that throttles is asked at the time that it gave.
    if (state === 'closed' || error.kind === 'throttled') return undefined
    if (!this.#probers.takes(unit)) return undefined
    if (state === 'open' && probeAt !== undefined) return Math.max(probeAt, now + shortestLook)
    return now + Math.max(error.retryAfterMs ?? 0, shortestLook)
  }

  /** By when a unit comes at the latest that was served: infinite but where no other is there to probe the breaker. */
  #probeBy(unit: Unit, now: number): number {
    const { state, probeAt } = unit.source.breaker
    if (state !== 'open' || probeAt === undefined || !this.#probers.takes(unit))
      return Number.POSITIVE_INFINITY
    return Math.max(probeAt, now + shortestLook)
  }
}

/** How many runs of a unit in a row had no turn, with one that has just ended and is not concluded yet. */
export function lostTurns(unit: Unit, ending: Ending): number {
  return hadNoTurn(ending) ? (unit.failure?.lostTurns ?? 0) + 1 : 0
}
