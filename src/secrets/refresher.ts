import { backoffDelay } from './backoff.ts'
import type { SecretCache } from './cache.ts'
import type { Clock, Random } from './clock.ts'
import { endsWithin } from './clock.ts'
import type { Began } from './intake.ts'
import { Intake } from './intake.ts'
import type { SecretsObserver } from './observer.ts'
import type { RunOutcome, SecretOutcome } from './outcome.ts'
import { callOutcome, firstError, outcomeOf, stopping } from './outcome.ts'
import { Planner } from './planner.ts'
import { ProviderError } from './provider.ts'
import type { Reading, RefreshResult } from './reading.ts'
import type { Match, Rules } from './rules.ts'
import { isPattern } from './rules.ts'
import { Schedule } from './schedule.ts'
import type { Source } from './source.ts'
import { Unit, unitId } from './unit.ts'
import { Watcher } from './watcher.ts'

export interface RefresherOptions {
  readonly rules: Rules
  readonly cache: SecretCache
  readonly sources: ReadonlyMap<string, Source>
  readonly clock: Clock
  readonly random: Random
  readonly observer: SecretsObserver
}

/** Several changes that a backend reports within this time, in milliseconds, are one. */
const changeWindow = 50
const evictedAtOnce =
  'the cache has no room for it beside the others: raise cache.maxEntries or cache.maxBytes'
/** How many names one event carries at the most. */
const namesInEvents = 10

/** Knows when secrets are fetched: the schedule, the backoff, and that no unit is ever fetched twice at a time. */
export class Refresher {
  readonly #rules: Rules
  readonly #cache: SecretCache
  readonly #sources: ReadonlyMap<string, Source>
  readonly #clock: Clock
  readonly #random: Random
  readonly #observer: SecretsObserver
  readonly #schedule: Schedule
  readonly #intake: Intake
  readonly #planner: Planner
  readonly #units = new Map<string, Unit>()
  #stopped = false

  constructor(options: RefresherOptions) {
    this.#rules = options.rules
    this.#cache = options.cache
    this.#sources = options.sources
    this.#clock = options.clock
    this.#random = options.random
    this.#observer = options.observer
    this.#schedule = new Schedule(options.clock)
    this.#intake = new Intake(options.rules, options.cache)
    this.#planner = new Planner(options.rules, options.cache, options.random)
    for (const match of options.rules.declared) this.#unitOf(match).matches.set(match.name, match)
    for (const rule of options.rules.patterns) {
      const source = this.#source(rule.provider)
      if (source.listsAll) this.#unit(source, undefined)
    }
  }

  /** Fetches everything once, what is required first, and keeps it fresh from then on. */
  start(): void {
    const units = [...this.#units.values()]
    units.sort((a, b) => Number(b.isRequired) - Number(a.isRequired))
    for (const unit of units) this.#run(unit)
    for (const source of this.#sources.values()) if (source.watches) this.#watch(source)
  }

  /** Starts no further fetch. What is under way ends when the sources are aborted. */
  stop(): void {
    this.#stopped = true
    this.#schedule.close()
  }

  /**
   * The first fetch of a pattern secret: one call, however many wait for it, and each of them for `timeoutMs` at most.
   * A name that was missing or failing a moment ago costs no call. Never rejects.
   */
  async demand(name: string, timeoutMs: number): Promise<Reading> {
    const now = this.#cache.read(name)
    if (now.kind !== 'undiscovered') return now
    const match = this.#rules.find(name)
    if (match === undefined) return { kind: 'not-found' }
    const unit = this.#unitOf(match)
    const failing = this.#failing(unit)
    if (failing !== undefined) return failing
    if (unit.key !== undefined) unit.matches.set(name, match)
    const run = this.#run(unit)
    if (!(await endsWithin(this.#clock, timeoutMs, run))) {
      return { kind: 'not-loaded', retryAfterMs: 1_000, reason: `no answer within ${timeoutMs} ms yet` }
    }
    const after = this.#cache.read(name)
    if (after.kind !== 'undiscovered') return after
    const outcome = outcomeOf(await run, name)
    if (outcome === 'missing') return { kind: 'not-found' }
    const reason = outcome instanceof ProviderError ? outcome.message : evictedAtOnce
    return this.#failing(unit) ?? { kind: 'not-loaded', retryAfterMs: 1_000, reason }
  }

  /** Fetches a secret now, or joins the fetch that is under way. Never rejects. */
  async refresh(name: string): Promise<RefreshResult> {
    const match = this.#rules.find(name)
    if (match === undefined) return { outcome: 'not-found' }
    const remembered = this.#cache.throttledFirstFetch(name)
    if (remembered !== undefined) return this.#result(name, remembered)
    const unit = this.#unitOf(match)
    const throttled = this.#throttled(unit)
    if (throttled !== undefined) return this.#result(name, throttled)
    if (unit.key !== undefined) unit.matches.set(name, match)
    return this.#result(name, outcomeOf(await this.#force(unit), name))
  }

  /**
   * Fetches everything that is declared or held now, and what lists discover. A pattern stands for its secrets where
   * its list could not be had. Never rejects.
   */
  async refreshAll(): Promise<{ name: string; result: RefreshResult }[]> {
    const results = new Map<string, RefreshResult>()
    const runs = [...this.#units.values()].map(async (unit) => {
      const names = [...unit.matches.keys()]
      if (unit.key === undefined) {
        names.push(...this.#cache.discovered(unit.source.name).map((match) => match.name))
      }
      const failure = this.#throttled(unit)
      const run = failure === undefined ? await this.#force(unit) : { secrets: new Map(), failure }
      // A list that could not be had says nothing of which secrets a pattern has; the pattern stands for them.
      if (run.failure !== undefined && unit.key === undefined)
        names.push(...this.#rules.patternsOf(unit.source.name).map((rule) => rule.name))
      for (const name of [...names, ...run.secrets.keys()]) {
        results.set(name, this.#result(name, outcomeOf(run, name)))
      }
    })
    await Promise.all(runs)
    return [...results].map(([name, result]) => ({ name, result })).sort((a, b) => (a.name < b.name ? -1 : 1))
  }

  /** A pattern secret was evicted from the cache: it is refreshed no longer. */
  forget(match: Match): void {
    const source = this.#source(match.rule.provider)
    const unit = this.#units.get(unitId(source.name, source.listsAll ? undefined : match.key))
    if (unit?.key === undefined) return
    unit.matches.delete(match.name)
    // A run that is under way ends first: without its unit, the next who wants the key would start a second one.
    if (unit.running === undefined) this.#retireIfUnused(unit)
  }

  /** What readers are told of a unit that brought nothing and is not tried again yet. */
  #failing(unit: Unit): Reading | undefined {
    const retryAt = this.#backoffEnd(unit)
    if (unit.failure === undefined || retryAt === undefined) return undefined
    const retryAfterMs = Math.max(1, retryAt - this.#clock.now())
    return { kind: 'not-loaded', retryAfterMs, reason: unit.failure.message }
  }

  /** When a unit that failed is tried again, on the monotonic clock; undefined while a run is under way. */
  #backoffEnd(unit: Unit): number | undefined {
    return unit.running === undefined ? this.#schedule.timeOf(unit.id) : undefined
  }

  /** A backend that asked for fewer calls gets none before its time, whoever wants one. */
  #throttled(unit: Unit): ProviderError | undefined {
    const retryAt = this.#backoffEnd(unit)
    if (unit.failure?.kind !== 'throttled' || retryAt === undefined) return undefined
    const retryAfterMs = retryAt - this.#clock.now()
    return new ProviderError('throttled', unit.failure.reason, unit.failure.message, { retryAfterMs })
  }

  #result(name: string, outcome: SecretOutcome): RefreshResult {
    const status = this.#cache.status(name)
    if (outcome instanceof ProviderError) {
      return { outcome: 'failed', error: outcome, ...(status === undefined ? {} : { status }) }
    }
    if (outcome === 'missing' || status === undefined) return { outcome: 'not-found' }
    return { outcome: outcome === 'unchanged' ? 'unchanged' : 'rotated', status }
  }

  #source(provider: string): Source {
    const source = this.#sources.get(provider)
    if (source === undefined)
      throw new Error(`no provider "${provider}": the configuration's checks let it pass`)
    return source
  }

  #unitOf(match: Match): Unit {
    const source = this.#source(match.rule.provider)
    return this.#unit(source, source.listsAll ? undefined : match.key)
  }

  #unit(source: Source, key: string | undefined): Unit {
    const id = unitId(source.name, key)
    const existing = this.#units.get(id)
    if (existing !== undefined) return existing
    const unit = new Unit(source, key)
    this.#units.set(id, unit)
    return unit
  }

  #run(unit: Unit): Promise<RunOutcome> {
    if (unit.running !== undefined) return unit.running
    if (this.#stopped) return Promise.resolve(stopping())
    this.#schedule.cancel(unit.id)
    unit.again = false
    unit.running = this.#fetch(unit)
    return unit.running
  }

  /** A run that a caller wants: when it fails, that says nothing of how long to leave the provider alone. */
  #force(unit: Unit): Promise<RunOutcome> {
    if (unit.running === undefined) unit.forced = true
    return this.#run(unit)
  }

  async #fetch(unit: Unit): Promise<RunOutcome> {
    let began: Began | undefined
    const begins = (): void => {
      began = this.#moment()
      unit.again = false
    }
    try {
      const take = await this.#ask(unit, begins)
      // What arrives while the sidecar stops is for nobody; counting or logging it would only look like a failure.
      if (this.#stopped) return stopping()
      const at = began ?? this.#moment()
      const run = take(at)
      // A call that found no room before the provider was none.
      if (began !== undefined) this.#count(unit, run, at)
      return this.#conclude(unit, run, at, began !== undefined)
    } finally {
      // In the same breath as the conclusion: whoever comes later finds a run to join or none, never one that is over.
      unit.running = undefined
      if (unit.again) this.#soon(unit)
    }
  }

  /** @returns what takes the answer into the cache */
  async #ask(unit: Unit, begins: () => void): Promise<(began: Began) => RunOutcome> {
    const { source, key } = unit
    if (key === undefined) {
      const answer = await source.fetchAll(begins)
      return (began) => this.#intake.takeList(unit, answer, began)
    }
    const brought = await source.fetch(key, begins, this.#isKept(unit))
    return (began) => this.#intake.takeKey(unit, brought, began)
  }

  /** Whether a unit keeps something current, rather than being the first fetch of a name that a caller chose. */
  #isKept({ matches }: Unit): boolean {
    return matches
      .values()
      .some(({ name, rule }) => !isPattern(rule.name) || this.#cache.entry(name) !== undefined)
  }

  #moment(): Began {
    return { at: this.#clock.now(), atWall: this.#clock.wall() }
  }

  #count(unit: Unit, run: RunOutcome, began: Began): void {
    const durationMs = this.#clock.now() - began.at
    this.#observer.called({ provider: unit.source.name, outcome: callOutcome(run), durationMs })
  }

  /**
   * Tells how a run ended, and plans the next one.
   *
   * @param wasCalled false where the provider was not asked at all: it wants fewer calls, or too many wait already
   */
  #conclude(unit: Unit, run: RunOutcome, began: Began, wasCalled: boolean): RunOutcome {
    const provider = unit.source.name
    const failed = [...run.secrets].filter(([, outcome]) => outcome instanceof ProviderError)
    const error = run.failure ?? firstError(run)
    // The failure of one secret in a list is no failure of the list.
    unit.failure = unit.key === undefined ? run.failure : error
    if (this.#retireIfUnheld(unit, error)) return run

    const names = failed.length > 0 ? failed.map(([name]) => name) : this.#waitingFor(unit)
    const secrets = names.slice(0, namesInEvents)
    const failuresBefore = unit.failures
    const counts = !unit.forced || failuresBefore === 0
    unit.forced = false
    unit.failures = error === undefined ? 0 : failuresBefore + Number(counts)
    // A declared secret that is missing is an answer, not a failure; still, someone may be about to create it.
    const misses = [...unit.matches.keys()].some((name) => run.secrets.get(name) === 'missing')
    if (misses) unit.misses += 1
    else if (error === undefined) unit.misses = 0
    const nextAt = this.#plan(unit, this.#planner.delay(unit, error, this.#clock.now() - began.at))
    this.#tellEntries(unit, run, nextAt)
    if (error !== undefined) {
      const nextTryMs = nextAt - this.#clock.now()
      const event = { provider, secrets, error, attempt: unit.failures, nextTryMs, declared: true }
      if (wasCalled) this.#observer.failed(event)
    } else if (failuresBefore > 0) {
      this.#observer.recovered({ provider, secrets, attempts: failuresBefore })
    }
    return run
  }

  /** The names that a unit stands for, those of its patterns for what only they cover. */
  #waitingFor(unit: Unit): string[] {
    const declared = [...unit.matches.keys()]
    if (unit.key !== undefined) return declared
    return [...declared, ...this.#rules.patternsOf(unit.source.name).map((rule) => rule.name)]
  }

  #plan(unit: Unit, delayMs: number): number {
    const nextAt = this.#clock.now() + delayMs
    this.#schedule.at(unit.id, nextAt, () => this.#run(unit))
    return nextAt
  }

  #tellEntries(unit: Unit, run: RunOutcome, nextAt: number): void {
    const names = new Set([...run.secrets.keys(), ...unit.matches.keys()])
    if (unit.key === undefined)
      for (const match of this.#cache.discovered(unit.source.name)) names.add(match.name)
    for (const name of names) {
      const outcome = outcomeOf(run, name)
      const attempts = this.#cache.entry(name)?.attempts
      if (attempts === undefined) {
        // Listed, but not to be had: readers are told why, since only what is not listed is missing.
        const listedAs = run.secrets.get(name)
        if (listedAs instanceof ProviderError) {
          this.#cache.rememberFailure(name, nextAt - this.#clock.now(), listedAs)
        }
        continue
      }
      attempts.nextAt = nextAt
      attempts.lastFailure = outcome instanceof ProviderError ? outcome.message : undefined
    }
  }

  /**
   * The unit of a pattern secret's key lives as long as the secret is held. While nothing is held, its name is only
   * remembered for a while, so that random names leave nothing behind.
   */
  #retireIfUnheld(unit: Unit, error: ProviderError | undefined): boolean {
    if (unit.key === undefined) return false
    for (const match of [...unit.matches.values()]) {
      const { name, rule } = match
      if (!isPattern(rule.name) || this.#cache.entry(name) !== undefined) continue
      unit.matches.delete(name)
      if (error === undefined) continue
      const provider = unit.source.name
      const attempt = this.#cache.failedFirstFetches(name) + 1
      const nextTryMs = backoffDelay(attempt, rule.refreshMs, error.retryAfterMs, this.#random)
      this.#cache.rememberFailure(name, nextTryMs, error)
      this.#observer.failed({ provider, secrets: [name], error, attempt, nextTryMs, declared: false })
    }
    return this.#retireIfUnused(unit)
  }

  #retireIfUnused(unit: Unit): boolean {
    if (unit.key === undefined || unit.matches.size > 0) return false
    this.#schedule.cancel(unit.id)
    this.#units.delete(unit.id)
    return true
  }

  #watch(source: Source): void {
    const changed = (key?: string): void => {
      for (const unit of this.#units.values()) {
        if (unit.source !== source) continue
        if (key === undefined || unit.key === undefined || unit.key === key) this.#soon(unit)
      }
    }
    const [clock, random, schedule, observer] = [this.#clock, this.#random, this.#schedule, this.#observer]
    new Watcher({
      source,
      clock,
      random,
      schedule,
      observer,
      changed,
      isStopped: () => this.#stopped,
    }).start()
  }

  /** The backend said that something changed: fetch in a moment, and once more if a fetch is under way already. */
  #soon(unit: Unit): void {
    unit.again = true
    if (unit.running !== undefined || this.#stopped || this.#units.get(unit.id) !== unit) return
    if (this.#throttled(unit) !== undefined) return
    const time = this.#clock.now() + changeWindow
    // Never later than planned: a backend that reports changes without pause would else put every fetch off for ever.
    if (time >= (this.#schedule.timeOf(unit.id) ?? Number.POSITIVE_INFINITY)) return
    this.#schedule.at(unit.id, time, () => this.#run(unit))
  }
}
