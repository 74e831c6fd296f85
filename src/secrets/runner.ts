import type { Arrival } from './arrivals.ts'
import { Arrivals } from './arrivals.ts'
import type { Ask, MadeCall } from './ask.ts'
import { backoffDelay, notBefore, returnSpread } from './backoff.ts'
import type { SecretCache } from './cache.ts'
import { Chain } from './chain.ts'
import type { Clock, Random } from './clock.ts'
import type { Composer } from './composer.ts'
import type { Ending } from './ending.ts'
import { endedLease, endingOf, isLeftAlone, isRefused, saysNothing } from './ending.ts'
import type { Began } from './intake.ts'
import { LastCalls } from './last-calls.ts'
import type { SecretsObserver } from './observer.ts'
import type { RunOutcome } from './outcome.ts'
import { detached, stopping } from './outcome.ts'
import type { Planner } from './planner.ts'
import { lostTurns, Plans } from './plans.ts'
import type { Lease } from './provider.ts'
import { ProviderError } from './provider.ts'
import type { Rules } from './rules.ts'
import { isPattern } from './rules.ts'
import type { Wish } from './run.ts'
import { Run } from './run.ts'
import type { Schedule } from './schedule.ts'
import type { Source } from './source.ts'
import { Tidings } from './tidings.ts'
import type { Unit } from './unit.ts'
import type { UnitSource } from './unit-source.ts'
import type { Units } from './units.ts'

/** Several changes that a backend reports within this time, in milliseconds, are one. */
const changeWindow = 50

export interface RunnerOptions {
  readonly rules: Rules
  readonly cache: SecretCache
  readonly clock: Clock
  readonly random: Random
  readonly observer: SecretsObserver
  readonly schedule: Schedule
  readonly units: Units
  readonly composer: Pick<Composer, 'took' | 'tell'>
  /** A source has listed its keys. */
  readonly listed: (source: UnitSource, keys: readonly string[]) => void
}

/** Runs units, each at most once at a time, and plans the next run when one has ended. */
export class Runner {
  readonly #cache: SecretCache
  readonly #clock: Clock
  readonly #random: Random
  readonly #schedule: Schedule
  readonly #units: Units
  readonly #composer: RunnerOptions['composer']
  readonly #arrivals: Arrivals
  readonly #plans: Plans
  readonly #tidings: Tidings
  readonly lastCalls: LastCalls
  #stopped = false

  constructor(options: RunnerOptions) {
    this.#cache = options.cache
    this.#clock = options.clock
    this.#random = options.random
    this.#schedule = options.schedule
    this.#units = options.units
    this.#composer = options.composer
    this.#arrivals = new Arrivals(options)
    this.#plans = new Plans(options)
    this.#tidings = new Tidings(options)
    this.lastCalls = new LastCalls(options.clock)
  }

  get planner(): Planner {
    return this.#plans.planner
  }

  /** Other rules hold from now on. */
  apply(rules: Rules): void {
    this.#arrivals.apply(rules)
    this.#plans.apply(rules)
    this.#tidings.apply(rules)
  }

  /** Starts no further run. What is under way ends when the sources are aborted. */
  stop(): void {
    this.#stopped = true
    this.#schedule.close()
  }

  /** Begins a run, or joins the one that is under way, which then goes ahead where it is more urgent now. */
  run(unit: Unit, wish: Wish = {}): Run {
    const { current } = unit
    if (current !== undefined) {
      this.#hasten(unit, current, wish)
      return current
    }
    if (this.#stopped) return new Run(wish, false).endsWith(stopping())
    if (unit.retired) {
      return unit.successor === undefined
        ? new Run(wish, false).endsWith(detached())
        : this.run(unit.successor, wish)
    }
    // Ahead of its plan, and so maybe together with others: somebody forced it, or the configuration has changed.
    if (unit.plannedFor !== undefined) unit.paced = false
    this.#schedule.drop(unit)
    const chain = this.#chainToLookBackIn(unit, wish)
    const lease = chain === undefined ? this.#leaseToRenew(unit, wish) : undefined
    unit.looksBack = false
    unit.again = false
    const run = new Run(wish, chain !== undefined || lease !== undefined)
    unit.current = run
    return run.endsWith(this.#perform(unit, run, wish, lease ?? chain))
  }

  /** The backend said that something changed: fetch in a moment, and once more if a fetch is under way already. */
  soon(unit: Unit): void {
    unit.again = true
    if (unit.current !== undefined || this.#stopped || unit.retired) return
    if (this.throttled(unit) !== undefined) return
    unit.mustFetch = true
    this.planBy(unit, this.#clock.now() + changeWindow)
  }

  /**
   * Never later than planned: a backend that reports changes without pause would else put every fetch off for ever.
   *
   * @param time on the monotonic clock
   */
  planBy(unit: Unit, time: number): void {
    if (time < (unit.plannedFor ?? Number.POSITIVE_INFINITY)) this.plan(unit, time)
  }

  plan(unit: Unit, time: number): void {
    if (this.#stopped || unit.retired || unit.current !== undefined) return
    unit.paced = false
    unit.looksBack = false
    this.#schedule.plan(unit, time)
    this.#tidings.planned(unit, time)
  }

  /** A backend that asked for fewer calls gets none before its time, whoever wants one. */
  throttled({ current, failure }: Unit): ProviderError | undefined {
    if (current !== undefined || failure?.quietUntil === undefined) return undefined
    const retryAfterMs = failure.quietUntil - this.#clock.now()
    if (retryAfterMs <= 0) return undefined
    return new ProviderError('throttled', failure.error.reason, failure.error.message, { retryAfterMs })
  }

  /** The source's breaker opened, or opened again after a probe that failed. @param probeAt on the monotonic clock */
  opened(source: UnitSource, probeAt: number): void {
    if (this.#stopped) return
    const unit = this.#plans.proberOf(source)
    // Never later than planned: a breaker that closes and opens again and again would put it off for ever.
    if (unit !== undefined) this.planBy(unit, Math.max(probeAt, this.#clock.now()))
  }

  /**
   * The source's breaker closed. After an outage who was refused comes at the time that was drawn for it; one that was
   * open for a credential may have put that off for minutes, and whoever mended it waits for all, not for the one asked.
   */
  closed(source: Source, cause: 'unavailable' | 'denied'): void {
    if (this.#stopped) return
    const now = this.#clock.now()
    for (const { unit, chain } of this.#units.chained(source))
      if (chain.prefers(source)) this.#comeBack(unit, now)
    if (cause !== 'denied') return
    for (const unit of this.#units.ofSource(source)) {
      if (unit.failure?.error.reason === 'circuit-open') this.#planReturn(unit, now)
    }
  }

  /** A place that is asked before the one that serves can be asked again. */
  #comeBack(unit: Unit, now: number): void {
    if (this.throttled(unit) !== undefined) return
    // A fetch would make another credential at the one that serves, where the call before it fails after all.
    const looksBack = this.planner.lookBackAt(unit, now) < Number.POSITIVE_INFINITY && unit.failures === 0
    if (!looksBack) unit.mustFetch = true
    this.#planReturn(unit, now)
    unit.looksBack = looksBack
  }

  #planReturn(unit: Unit, now: number): void {
    const { planner } = this.#plans
    const spread = returnSpread(planner.intervalMs(unit, now), planner.isAwaited(unit, now))
    this.planBy(unit, now + this.#random() * spread)
  }

  /** Some keys of a source are refused, and the breaker has to know of another whether they speak for all. */
  undecided(source: Source, since: number): void {
    const unit = this.#plans.witnessOf(source, since)
    if (unit !== undefined && this.throttled(unit) === undefined) this.planBy(unit, this.#clock.now())
  }

  /** The unit is no longer among those that are kept. A run of it that is under way ends for `successor`, or for nobody. */
  retire(unit: Unit, successor?: Unit): void {
    this.#schedule.drop(unit)
    this.#units.delete(unit)
    unit.retired = true
    unit.successor = successor
    unit.source.forget(unit.key, (source, key) => this.#units.isAsked(source, key))
    if (unit.source instanceof Chain) this.lastCalls.forget(unit.source)
    const probeAt = this.#plans.gone(unit)
    if (probeAt !== undefined) this.opened(unit.source, probeAt)
  }

  /** The source was replaced or removed. */
  forget(source: Source): void {
    this.#plans.forget(source)
    this.lastCalls.forget(source)
  }

  #leaseToRenew(unit: Unit, wish: Wish): Lease | undefined {
    if (wish.forced === true || unit.mustFetch) return undefined
    return this.planner.renewal(unit, this.#clock.now())
  }

  /** Only while nobody is refused for it: whoever waits is served by whichever place can. */
  #chainToLookBackIn(unit: Unit, { forced, urgency }: Wish): Chain | undefined {
    if (!unit.looksBack || unit.mustFetch || forced === true || urgency !== undefined) return undefined
    const isWanted = this.planner.isAwaited(unit, this.#clock.now())
    return unit.source instanceof Chain && !isWanted ? unit.source : undefined
  }

  /** @param by what renews: the lease to be renewed, or the chain to look back in; undefined: it is fetched */
  async #perform(unit: Unit, run: Run, wish: Wish, by: Lease | Chain | undefined): Promise<RunOutcome> {
    try {
      const former = this.#units.formerRun(unit)
      if (former !== undefined) {
        await former.ended
        if (this.#stopped) return stopping()
        if (unit.retired) return await this.#handOver(unit)
      }
      const ask = this.#ask(unit, run, wish)
      const arrival = this.#arrive(unit, by, ask)
      this.#awaitTurn(unit, run)
      const { take, drop } = (await arrival) ?? { take: undefined }
      if (this.#stopped || unit.retired) {
        drop?.()
        // What arrives while the sidecar stops is for nobody; counting or logging it would only look like a failure.
        // What comes from a place that is no longer asked says nothing of the one that is: whoever waits gets its answer.
        return this.#stopped ? stopping() : await this.#handOver(unit)
      }
      if (take === undefined) return this.#keepOn(unit)
      if (by instanceof Chain) run.renews = false
      const began = run.began ?? this.#moment()
      const outcome = { ...take(began), calledAt: run.began?.at }
      // Nobody reads in between: what is composed of it changes in the same turn.
      this.#composer.took([...unit.matches.keys(), ...outcome.secrets.keys()])
      this.#conclude(unit, run, outcome, began)
      this.#composer.tell()
      return outcome
    } finally {
      // In the same breath as the conclusion: whoever comes later finds a run to join or none, never one that is over.
      if (unit.current === run) unit.current = undefined
      this.#units.ran(unit)
      if (unit.again) this.soon(unit)
    }
  }

  #arrive(unit: Unit, by: Lease | Chain | undefined, ask: Ask): Promise<Arrival | undefined> {
    if (by === undefined) return this.#arrivals.fetch(unit, ask)
    return by instanceof Chain ? this.#arrivals.regain(unit, by, ask) : this.#arrivals.renew(unit, by, ask)
  }

  /** No earlier place has a value: what is held is neither better nor worse for it. */
  #keepOn(unit: Unit): RunOutcome {
    unit.endedAt = this.#clock.now()
    const nextAt = this.#plans.afterLookingBack(unit)
    this.#schedule.plan(unit, nextAt)
    this.#tidings.planned(unit, nextAt)
    return { secrets: new Map([...unit.matches.keys()].map((name) => [name, 'unchanged'])) }
  }

  async #handOver({ successor, waiting }: Unit): Promise<RunOutcome> {
    if (successor === undefined || waiting === 0) return detached()
    return await this.run(successor, { urgency: 'caller' }).ended
  }

  #ask(unit: Unit, run: Run, { urgency, patienceMs }: Wish): Ask {
    const began = (call: MadeCall): void => {
      run.call = call
      // What one provider reported is not read by the call to the next.
      if (run.began === undefined) unit.again = false
      run.began = this.#moment()
      run.settlesDoubt = unit.isDoubted
      unit.calledAt = run.began.at
      this.#schedule.drop(unit)
    }
    // Of several providers the first may take its time before the one is asked that answers, and so it may the next time.
    if (unit.source instanceof Chain) run.askedAt = this.#clock.now()
    return {
      urgency: urgency ?? this.planner.urgency(unit, this.#clock.now()),
      began,
      ...(run.forced ? { forced: true } : {}),
      ...(patienceMs === undefined ? {} : { patienceMs }),
    }
  }

  /** A run that waits for its turn gets the place that it would have if it were wanted only now. */
  #hasten(unit: Unit, run: Run, { urgency }: Wish): void {
    if (run.began !== undefined || run.isHurried || this.#stopped || unit.retired) return
    const to = urgency ?? this.planner.urgency(unit, this.#clock.now())
    if (to === 'caller') run.isHurried = true
    unit.source.raise(unit.key, to)
    this.#awaitTurn(unit, run)
  }

  /** The schedule is free while a run waits for its turn: the unit comes when that has become more urgent (`run`). */
  #awaitTurn(unit: Unit, run: Run): void {
    if (run.began !== undefined || this.#stopped || unit.retired) return
    const time = run.isHurried ? Number.POSITIVE_INFINITY : this.planner.urgentFrom(unit, this.#clock.now())
    if (Number.isFinite(time)) this.#schedule.plan(unit, time)
    else this.#schedule.drop(unit)
  }

  #moment(): Began {
    return { at: this.#clock.now(), atWall: this.#clock.wall() }
  }

  /** Tells how a run ended, and plans the next one. */
  #conclude(unit: Unit, run: Run, outcome: RunOutcome, began: Began): void {
    const now = this.#clock.now()
    unit.endedAt = now
    const ending = endingOf(unit.key, run, outcome, now - (run.askedAt ?? began.at))
    // A call that found no room before the provider was none.
    if (run.began !== undefined) {
      if (run.call?.isTold !== true) this.#tidings.called(unit, ending)
      if (run.call !== undefined) run.call.isTold = true
      if (!run.renews) this.lastCalls.ended(unit.source, unit.key, began.at, outcome)
    }
    if (this.#retireIfUnheld(unit, ending)) return

    const { error } = ending
    const failuresBefore = unit.failures
    if (!isRefused(ending)) this.#tally(unit, ending)
    if (error === undefined) unit.succeededAt = began.at
    if (endedLease(ending)) unit.mustFetch = true
    else if (error === undefined && !run.renews) unit.mustFetch = false
    if (error === undefined && !run.renews && run.settlesDoubt) unit.isDoubted = false
    const nextAt = this.#plans.after(unit, ending)
    unit.failure =
      error === undefined
        ? undefined
        : {
            error,
            at: this.#clock.wall(),
            quietUntil: quietUntil(error, now, nextAt),
            lostTurns: lostTurns(unit, ending),
          }
    this.#schedule.plan(unit, nextAt)
    this.#tidings.ended(unit, ending, nextAt, failuresBefore)
  }

  #tally(unit: Unit, { run, outcome, error }: Ending): void {
    if (error === undefined) unit.failures = 0
    // Callers who ask again and again while a provider is down do not lengthen its backoff.
    else if (!run.forced || unit.failures === 0) unit.failures += 1
    // A declared secret that is missing is an answer, not a failure; still, someone may be about to create it.
    let misses = false
    for (const name of unit.matches.keys()) misses ||= outcome.secrets.get(name) === 'missing'
    if (misses) unit.misses += 1
    else if (error === undefined) unit.misses = 0
  }

  /**
   * The unit of a pattern secret's key lives as long as the secret is held. While nothing is held, its name is only
   * remembered for a while, so that random names leave nothing behind.
   */
  #retireIfUnheld(unit: Unit, ending: Ending): boolean {
    if (unit.key === undefined) return false
    const { error } = ending
    for (const match of [...unit.matches.values()]) {
      const { name, rule } = match
      if (!isPattern(rule.name) || this.#cache.entry(name) !== undefined) continue
      unit.matches.delete(name)
      if (error === undefined || saysNothing(ending)) continue
      const attempt = this.#cache.failedFirstFetches(name) + 1
      const nextTryMs = backoffDelay(attempt, rule.refreshMs, error.retryAfterMs, this.#random)
      this.#cache.rememberFailure(name, nextTryMs, error)
      if (!isLeftAlone(ending)) this.#tidings.firstFetchFailed(unit, name, error, attempt, nextTryMs)
    }
    if (unit.matches.size > 0) return false
    this.retire(unit)
    return true
  }
}

function quietUntil(error: ProviderError, now: number, nextAt: number): number | undefined {
  if (error.kind !== 'throttled') return undefined
  // One that does not say for how long is left alone until the next attempt.
  const pause = notBefore(0, error.retryAfterMs)
  return pause > 0 ? now + pause : nextAt
}
