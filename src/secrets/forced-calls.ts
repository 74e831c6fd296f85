import type { SecretCache } from './cache.ts'
import type { Clock } from './clock.ts'
import { pause } from './clock.ts'
import { isKept } from './kept.ts'
import { callPause } from './last-calls.ts'
import type { RunOutcome } from './outcome.ts'
import { detached } from './outcome.ts'
import type { ProviderError } from './provider.ts'
import type { Match } from './rules.ts'
import type { Runner } from './runner.ts'
import type { Unit } from './unit.ts'
import type { Place, Units } from './units.ts'

/**
 * How long a first fetch that somebody forces waits for its turn, in milliseconds: callers choose the names and leave in
 * the end, and a queue without an end would grow by all of them and be in everyone's way.
 */
const firstFetchPatience = 10_000

export interface ForcedCallsOptions {
  readonly cache: SecretCache
  readonly clock: Clock
  readonly runner: Runner
  readonly units: Units
}

/** Calls that somebody asked for: each fetches, and none comes within a second of the last one of the same unit. */
export class ForcedCalls {
  readonly #cache: SecretCache
  readonly #clock: Clock
  readonly #runner: Runner
  readonly #units: Units
  /** What ends the pauses that somebody waits for. */
  readonly #pauses = new Set<() => void>()
  #stopped = false

  constructor(options: ForcedCallsOptions) {
    this.#cache = options.cache
    this.#clock = options.clock
    this.#runner = options.runner
    this.#units = options.units
  }

  /** No further call is made: whoever waits to make one hears so now, not when the pause before it is over. */
  stop(): void {
    this.#stopped = true
    for (const end of [...this.#pauses]) end()
  }

  /** Whether a call for a secret is under way, or waits for its turn. */
  isUnderWay(match: Match): boolean {
    return this.#units.find(this.#units.placeOf(match))?.current !== undefined
  }

  /** A backend that asked for fewer calls gets none before its time, whoever wants one. */
  throttled(match: Match): ProviderError | undefined {
    const remembered = this.#cache.throttledFirstFetch(match.name)
    if (remembered !== undefined) return remembered
    const unit = this.#units.find(this.#units.placeOf(match))
    return unit === undefined ? undefined : this.#runner.throttled(unit)
  }

  /** What is held of a secret is said to be refused somewhere: no provider may merely confirm it. */
  doubt(match: Match): void {
    const unit = this.#units.find(this.#units.placeOf(match))
    if (unit !== undefined) unit.isDoubted = true
  }

  /**
   * The call that is under way for a secret, or the one of the last second, or another.
   *
   * @param find which rule names it: another than at first, or none, where the configuration has changed meanwhile
   */
  async of(find: () => Match | undefined): Promise<RunOutcome> {
    const match = find()
    if (match === undefined) return detached()
    const place = this.#units.placeOf(match)
    const isIdle = this.#units.find(place)?.current === undefined
    const last = isIdle ? this.#runner.lastCalls.find(place) : undefined
    if (last !== undefined && speaksOf(last.outcome, place, match.name)) return last.outcome
    const unit = this.#units.for(match)
    const outcome = await this.#another(unit)
    if (speaksOf(outcome, unit, match.name)) return outcome
    // It only confirmed what was held when it began.
    const now = find()
    return now === undefined ? detached() : await this.#another(this.#units.for(now))
  }

  /** As `of`, for all that a unit fetches. */
  async ofAll(unit: Unit): Promise<RunOutcome> {
    const last = unit.current === undefined ? this.#runner.lastCalls.find(unit) : undefined
    const isWhole =
      last !== undefined && unit.matches.keys().every((name) => speaksOf(last.outcome, unit, name))
    return isWhole ? last.outcome : await this.#another(unit)
  }

  /**
   * A call that began at `since` or later. One that is under way and began before is waited for, and may do where it
   * `suffices`; if not, one more follows, a second after it at the earliest. No other is made for that.
   *
   * @param find which rule names the secret: another than at first, or none, where the configuration has changed meanwhile
   * @param since on the monotonic clock
   */
  async ofSince(find: () => Match | undefined, since: number, suffices: () => boolean): Promise<RunOutcome> {
    const match = find()
    if (match === undefined) return detached()
    const unit = this.#units.for(match)
    const before = unit.current
    if (before !== undefined && (before.renews || before.began !== undefined)) {
      const outcome = await unit.waitedFor(before.ended)
      if (suffices() || (!before.renews && outcome.failure !== undefined)) return outcome
    }
    const last = this.#runner.lastCalls.find(unit)
    if (last !== undefined && unit.current === undefined) {
      await unit.waitedFor(this.#pause(last.at + callPause - this.#clock.now()))
      const meanwhile = this.#runner.lastCalls.find(unit)
      const isSince = unit.current === undefined && meanwhile !== undefined && meanwhile.at >= since
      if (isSince && !unit.isDoubted) return meanwhile.outcome
    }
    const now = find()
    return now === undefined ? detached() : await this.#another(this.#units.for(now))
  }

  #another(unit: Unit): Promise<RunOutcome> {
    return unit.waitedFor(this.#fetched(unit))
  }

  async #fetched(unit: Unit): Promise<RunOutcome> {
    // A renewal brings no other value, so it is not the call that is wanted.
    if (unit.current?.renews === true) await unit.current.ended
    const patienceMs = isKept(unit, this.#cache) ? undefined : firstFetchPatience
    return await this.#runner.run(unit, { urgency: 'caller', forced: true, patienceMs }).ended
  }

  async #pause(ms: number): Promise<void> {
    if (this.#stopped) return
    const { over, end } = pause(this.#clock, ms)
    this.#pauses.add(end)
    await over
    this.#pauses.delete(end)
  }
}

/** A list speaks of all that it could have named; a call for a key of the secrets that the key stood for then. */
export function speaksOf(
  { secrets, failure }: RunOutcome,
  { key }: Pick<Place, 'key'>,
  name: string,
): boolean {
  return key === undefined || failure !== undefined || secrets.has(name)
}
