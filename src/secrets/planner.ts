import type { Urgency } from './ask.ts'
import {
  backoffCap,
  backoffDelay,
  beforeEnd,
  firstRefreshDelay,
  headStart,
  notBefore,
  pauseWhenThrottled,
  refreshDelay,
  returnSpread,
  spoiltDelay,
} from './backoff.ts'
import type { SecretCache } from './cache.ts'
import { Chain } from './chain.ts'
import type { Random } from './clock.ts'
import type { Entry } from './entry.ts'
import type { Held } from './lease-times.ts'
import { leaseNeed, renewable } from './lease-times.ts'
import type { RunOutcome } from './outcome.ts'
import type { Lease } from './provider.ts'
import { ProviderError } from './provider.ts'
import type { SecretState } from './reading.ts'
import type { Match, Rule, Rules } from './rules.ts'
import type { Unit } from './unit.ts'

/** Calls for leases leave each other this pause at the least, in milliseconds, however short the leases are. */
const shortestLeasePause = 1_000
/** A lease that is not renewed any more is replaced within this time, in milliseconds, and yet not in the same moment. */
const replaceWithin = 1_000
const shortestReplacement = 100
/** A value with less than this part of its life left is about to expire. */
const expiringShare = 0.25

/** How a unit stands: what bounds the wait for its next attempt. */
interface Standing {
  /** The shortest refresh interval, ttl or lease of its secrets, in milliseconds. */
  readonly intervalMs: number
  /**
   * A declared secret of it was never loaded, has expired, or is required and missing: somebody is refused it. So is
   * whoever wants a secret that only a list can tell of, where there was none yet.
   */
  readonly isAwaited: boolean
  /** When the first of its values expires that has not yet, on the monotonic clock; infinite where none is held. */
  readonly endsAt: number
}

/** Says when the next run of a unit begins and how urgent it is. Keeps nothing; all times are on the monotonic clock. */
export class Planner {
  readonly #rules: Rules
  readonly #cache: SecretCache
  readonly #random: Random

  constructor(rules: Rules, cache: SecretCache, random: Random) {
    this.#rules = rules
    this.#cache = cache
    this.#random = random
  }

  /**
   * @param tookMs how long the run took, in milliseconds
   * @param random one draw for all that is to come due together
   * @param paced whether the run came when its interval said
   */
  afterSuccess(unit: Unit, now: number, tookMs: number, random: Random, paced: boolean): number {
    const draw = random()
    const renews = canRenew(unit)
    let need = Number.POSITIVE_INFINITY
    let interval = this.#sweepInterval(unit)
    for (const [{ rule }, entry] of this.#secrets(unit)) {
      const held = entry?.held
      if (held?.lease === undefined) interval = Math.min(interval, held?.freshMs ?? rule.refreshMs)
      else need = Math.min(need, leaseNeed(held, renews, tookMs, draw))
    }
    // What is leased goes by its lease, as the one call for its key does, which makes another credential each time.
    if (unit.key !== undefined && need < Number.POSITIVE_INFINITY) interval = Number.POSITIVE_INFINITY
    // The value is as old as the question, and the next answer will take its time too. A backend whose answers take
    // most of the interval cannot keep a secret fresh; it is at least left a pause.
    const usable = Math.max(interval - 2 * tookMs, interval / 4)
    const delay = paced ? refreshDelay(usable, () => draw) : firstRefreshDelay(usable, () => draw)
    return Math.min(now + delay, Math.max(need, now + shortestLeasePause))
  }

  /**
   * When the places before the one whose lease is held are asked again, on the monotonic clock: at the interval of the
   * rules, as they would be without a lease. Infinite where there is none before it, or no lease.
   */
  lookBackAt(unit: Unit, now: number): number {
    const { source } = unit
    if (!(source instanceof Chain) || !source.isSpared || !this.isLeased(unit))
      return Number.POSITIVE_INFINITY
    const intervalMs = Math.min(...unit.matches.values().map(({ rule }) => rule.refreshMs))
    return Math.max(source.askedAt + refreshDelay(intervalMs, this.#random), now + shortestLeasePause)
  }

  /** @param attempts how many have failed in a row, from 1 */
  afterFailure(unit: Unit, now: number, attempts: number, error: ProviderError | undefined): number {
    const { intervalMs, isAwaited, endsAt } = this.#standing(unit, now)
    const attempt = isAwaited ? attempts : attempts + headStart
    const delay = backoffDelay(
      attempt,
      backoffCap(intervalMs, isAwaited, error?.kind),
      undefined,
      this.#random,
    )
    const pauseMs = error?.retryAfterMs ?? (error?.kind === 'throttled' ? pauseWhenThrottled : undefined)
    return now + notBefore(beforeEnd(delay, endsAt - now), pauseMs)
  }

  /**
   * When a list is asked again that was had, all but an entry that somebody is refused (`spoiltDelay`). Infinite where
   * there is none, or the interval is soon enough.
   *
   * @param said what the run brought, or could not bring
   */
  afterSpoilt(unit: Unit, now: number, said: RunOutcome['secrets']): number {
    let time = Number.POSITIVE_INFINITY
    // Each fetch of a lease makes another credential.
    if (unit.key !== undefined || this.isLeased(unit)) return time
    const { intervalMs } = this.#standing(unit, now)
    for (const entry of this.#declared(unit)) {
      const { match, attempts } = entry
      const error = said.get(match.name)
      if (!(error instanceof ProviderError) || !isMissed(entry.state(now), match.rule)) continue
      time = Math.min(
        time,
        now + spoiltDelay(attempts.failures, intervalMs, error.retryAfterMs, this.#random),
      )
    }
    return time
  }

  /** The provider was not called, since it is to be left alone for a while: its units do not all come at the end of it. */
  afterRefusal(unit: Unit, now: number, error: ProviderError): number {
    const { intervalMs, isAwaited, endsAt } = this.#standing(unit, now)
    const pauseMs = notBefore(0, error.retryAfterMs)
    const widest = returnSpread(intervalMs, isAwaited)
    // One that throttles says itself how long it needs; a short pause is no outage to come back from.
    const spread =
      error.kind === 'throttled' ? Math.min(widest, Math.max(pauseWhenThrottled, pauseMs)) : widest
    const from = now + pauseMs
    return from + this.#random() * beforeEnd(spread, endsAt - from)
  }

  /**
   * Its turn did not come. Nobody says for how long too many will wait: it comes later each time, as after failures, and
   * not with all others that had none either.
   *
   * @param turns how many it has lost in a row, from 1
   */
  afterLostTurn(unit: Unit, now: number, error: ProviderError, turns: number): number {
    return Math.max(this.afterRefusal(unit, now, error), this.afterFailure(unit, now, turns, error))
  }

  /** The lease is over, or is not renewed any more: another credential is wanted, while the old one may still do. */
  afterLostLease(now: number): number {
    return now + Math.max(shortestReplacement, this.#random() * replaceWithin)
  }

  urgency(unit: Unit, now: number): Urgency {
    // A list that never came keeps secrets from being found that nobody has heard of yet.
    let urgency: Urgency = unit.key === undefined && unit.succeededAt === undefined ? 'expiring' : 'routine'
    for (const entry of this.#declared(unit)) {
      if (!isExpiring(entry, now)) continue
      if (entry.match.rule.required) return 'required'
      urgency = 'expiring'
    }
    return urgency
  }

  /** When a unit next becomes more urgent by time alone, on the monotonic clock; infinite where it does not. */
  urgentFrom(unit: Unit, now: number): number {
    let from = Number.POSITIVE_INFINITY
    for (const { held } of this.#declared(unit)) {
      const time = held === undefined ? now : expiringFrom(held)
      if (time > now) from = Math.min(from, time)
    }
    return from
  }

  /** The one lease of all that the unit holds, where it can be renewed; undefined where it has to be fetched. */
  renewal(unit: Unit, now: number): Lease | undefined {
    if (!canRenew(unit)) return undefined
    let lease: Lease | undefined
    for (const { name } of unit.matches.values()) {
      const each = renewable(this.#cache.entry(name)?.held, now)
      if (each === undefined || (lease !== undefined && lease.id !== each.id)) return undefined
      lease = each
    }
    return lease
  }

  /**
   * Whether somebody is refused something until a run of the unit succeeds.
   *
   * @param said what the last run said of its secrets; one that it could not bring waits for the next like the others
   */
  isAwaited(unit: Unit, now: number, said?: RunOutcome['secrets']): boolean {
    return this.#standing(unit, now, said).isAwaited
  }

  isLeased(unit: Unit): boolean {
    for (const [, entry] of this.#secrets(unit)) if (entry?.held?.lease !== undefined) return true
    return false
  }

  /** The shortest refresh interval, ttl or lease of the secrets that the unit refreshes, in milliseconds. */
  intervalMs(unit: Unit, now: number): number {
    return this.#standing(unit, now).intervalMs
  }

  #standing(unit: Unit, now: number, said?: RunOutcome['secrets']): Standing {
    let intervalMs = this.#sweepInterval(unit)
    let isAwaited = unit.key === undefined && this.#listIsAwaited(unit.source.name)
    let endsAt = Number.POSITIVE_INFINITY
    for (const [{ rule, name }, entry] of this.#secrets(unit)) {
      intervalMs = Math.min(intervalMs, lifeOf(entry?.held) ?? rule.refreshMs)
      if (entry === undefined) continue
      const state = entry.state(now)
      const isSpoilt = said?.get(name) instanceof ProviderError
      if (entry.declared && !isSpoilt && isMissed(state, entry.match.rule)) isAwaited = true
      const { held } = entry
      if (held !== undefined && state !== 'expired')
        endsAt = Math.min(endsAt, held.confirmedAt + held.servedMs)
    }
    return { intervalMs, isAwaited, endsAt }
  }

  #listIsAwaited(provider: string): boolean {
    return this.#rules.patternsOf(provider).length > 0 && !this.#cache.wasSwept(provider)
  }

  *#declared(unit: Unit): Generator<Entry> {
    for (const name of unit.matches.keys()) {
      const entry = this.#cache.entry(name)
      if (entry?.declared === true) yield entry
    }
  }

  *#secrets(unit: Unit): Generator<[Match, Entry | undefined]> {
    for (const match of unit.matches.values()) yield [match, this.#cache.entry(match.name)]
    if (unit.key !== undefined || unit.listsKeys) return
    for (const match of this.#cache.discovered(unit.source.name)) yield [match, this.#cache.entry(match.name)]
  }

  /** How often a list is asked for what is new under its patterns, in milliseconds. */
  #sweepInterval(unit: Unit): number {
    if (unit.key !== undefined) return Number.POSITIVE_INFINITY
    return Math.min(...this.#rules.patternsOf(unit.source.name).map(({ refreshMs }) => refreshMs))
  }
}

/** A lease is renewed by its key, so what a list brings is fetched again instead. */
function canRenew(unit: Unit): boolean {
  return unit.key !== undefined && unit.source.renews
}

/** Whether somebody is refused it who counts on it. One that is missing may be meant to be, unless it is required. */
function isMissed(state: SecretState, rule: Rule): boolean {
  return state === 'not-loaded' || state === 'expired' || (state === 'missing' && rule.required)
}

function lifeOf(held: Held | undefined): number | undefined {
  return held?.lease?.durationMs ?? held?.freshMs
}

function isExpiring(entry: Entry, now: number): boolean {
  const { held } = entry
  if (held === undefined) return isMissed(entry.state(now), entry.match.rule)
  return now >= expiringFrom(held)
}

function expiringFrom({ confirmedAt, servedMs }: Held): number {
  return confirmedAt + (1 - expiringShare) * servedMs
}
