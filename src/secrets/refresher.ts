import { Askers } from './askers.ts'
import type { SecretCache } from './cache.ts'
import type { Clock, Random } from './clock.ts'
import { ComposedCalls } from './composed-calls.ts'
import { Composer } from './composer.ts'
import { explain } from './explain.ts'
import { explainComposed } from './explain-composed.ts'
import { ForcedCalls } from './forced-calls.ts'
import type { Glob } from './glob.ts'
import { KeyLists } from './key-lists.ts'
import type { SecretsObserver } from './observer.ts'
import type { Explanation, Reading, RefreshResult, RejectedResult } from './reading.ts'
import { rearrange } from './rearrange.ts'
import { Rejections } from './rejections.ts'
import type { Match, Rules } from './rules.ts'
import { Runner } from './runner.ts'
import { Schedule } from './schedule.ts'
import type { Source } from './source.ts'
import type { Unit } from './unit.ts'
import type { UnitSource } from './unit-source.ts'
import { Units } from './units.ts'
import { Watcher } from './watcher.ts'

export interface RefresherOptions {
  readonly rules: Rules
  readonly cache: SecretCache
  readonly sources: ReadonlyMap<string, Source>
  readonly clock: Clock
  readonly random: Random
  readonly observer: SecretsObserver
}

/** For how long after a suspension callers wait for what expired in it, in milliseconds, rather than being refused. */
const graceAfterResume = 30_000

/** Knows when secrets are fetched: the schedule, the backoff, and that no unit is ever fetched twice at a time. */
export class Refresher {
  readonly #options: RefresherOptions
  readonly #schedule: Schedule
  readonly #units: Units
  readonly #composer: Composer
  readonly #runner: Runner
  readonly #keyLists: KeyLists
  readonly #forcedCalls: ForcedCalls
  readonly #askers: Askers
  readonly #rejections: Rejections
  readonly #watchers = new Map<Source, Watcher>()
  #rules: Rules
  #started = false
  #stopped = false

  constructor(options: RefresherOptions) {
    const { rules, cache, sources, clock, random } = options
    this.#options = options
    this.#rules = rules
    this.#schedule = new Schedule(clock, { random, onResume: (since) => this.#resumed(since) })
    const called: SecretsObserver['called'] = (event) => options.observer.called(event)
    this.#units = new Units(sources, (unit) => this.#runner.run(unit), { clock, called })
    this.#composer = new Composer({ ...options, placeOf: (match) => this.#units.placeOf(match) })
    const listed = (source: UnitSource, keys: readonly string[]): void => this.#keyLists.listed(source, keys)
    this.#runner = new Runner({
      ...options,
      schedule: this.#schedule,
      units: this.#units,
      composer: this.#composer,
      listed,
    })
    const parts = { cache, clock, runner: this.#runner, units: this.#units }
    this.#keyLists = new KeyLists({ ...options, ...parts, schedule: this.#schedule })
    this.#forcedCalls = new ForcedCalls(parts)
    const calls = new ComposedCalls({ cache, calls: this.#forcedCalls, composer: this.#composer })
    this.#askers = new Askers({ ...parts, rules, calls, composer: this.#composer, keyLists: this.#keyLists })
    this.#rejections = new Rejections({
      cache,
      clock,
      calls,
      find: (name) => this.#rules.find(name),
    })
    for (const source of sources.values()) this.#heedBreaker(source)
    for (const match of rules.fetched()) this.#units.of(this.#units.placeOf(match)).matches.add(match)
    for (const rule of rules.patterns) {
      const source = this.#units.source(rule.provider)
      if (source.lists) this.#units.of({ source, key: undefined })
    }
    this.#composer.apply(rules)
  }

  /** Fetches everything once, what is required first, and keeps it fresh from then on. */
  start(): void {
    this.#started = true
    const units = [...this.#units.all()]
    const required = new Set(units.filter((unit) => unit.isRequired))
    for (const unit of required) this.#runner.run(unit)
    for (const unit of units) if (!required.has(unit)) this.#runner.run(unit)
    for (const source of this.#units.sources.values()) this.#watch(source)
  }

  /** Starts no further fetch. What is under way ends when the sources are aborted. */
  stop(): void {
    this.#stopped = true
    for (const watcher of this.#watchers.values()) watcher.stop()
    this.#runner.stop()
    this.#keyLists.stop()
    this.#forcedCalls.stop()
  }

  /**
   * A changed configuration while running. What it names as before goes on as before; what is new is fetched at once;
   * what has another place than before is fetched there within a moment; what it no longer names is asked for no more.
   * The cache applies it first. Sources that are not among `sources` any more are closed by the caller, afterwards.
   */
  apply({ rules, sources }: Pick<RefresherOptions, 'rules' | 'sources'>): void {
    const { cache, clock, random } = this.#options
    const before = { rules: this.#rules, sources: this.#units.sources }
    const current = new Set(sources.values())
    for (const source of before.sources.values()) if (!current.has(source)) this.#release(source)
    this.#rules = rules
    this.#units.apply(sources)
    this.#runner.apply(rules)
    this.#askers.apply(rules)
    const parts = { cache, clock, random, units: this.#units, runner: this.#runner }
    rearrange({ ...parts, before: before.rules, rules, isStarted: this.#started })
    this.#keyLists.apply(rules)
    this.#composer.apply(rules)
    const known = new Set(before.sources.values())
    for (const source of current) {
      if (known.has(source)) continue
      this.#heedBreaker(source)
      if (this.#started) this.#watch(source)
    }
  }

  /** Whether the process stood still until just now, and what follows from that is still to come. */
  get stoodStill(): boolean {
    return this.#schedule.isOverslept
  }

  /**
   * The first fetch of a pattern secret, or the one of a secret that expired while the process was suspended: one call,
   * however many wait for it, and each of them for `timeoutMs` at most. A name that was missing or failing a moment ago
   * costs no call. Never rejects.
   */
  demand(name: string, timeoutMs: number): Promise<Reading> {
    return this.#askers.demand(name, timeoutMs)
  }

  /**
   * Fetches a secret now, or joins the fetch that is under way. Who comes within a second of the last call gets what that
   * one brought. Never rejects.
   */
  refresh(name: string): Promise<RefreshResult> {
    return this.#askers.refresh(name)
  }

  /**
   * Fetches everything that is declared or held now, and what lists discover. A pattern stands for its secrets where
   * its list could not be had. Never rejects.
   *
   * @param wants which of them; without it: all
   */
  refreshAll(wants?: Glob): Promise<{ name: string; result: RefreshResult }[]> {
    return this.#askers.refreshAll(wants)
  }

  /**
   * A backend refused a version of a secret: where that is the one held, it is fetched again, by a call that began after
   * this report. Never rejects.
   */
  async rejected(name: string, version: string): Promise<RejectedResult> {
    const match = this.#rules.find(name)
    return match === undefined ? { outcome: 'not-found' } : await this.#rejections.report(match, version)
  }

  /** All that is known of a secret; undefined where no rule names it. Never waits. */
  explain(name: string): Explanation | undefined {
    const match = this.#rules.find(name)
    if (match === undefined) return undefined
    const { cache, clock } = this.#options
    const composition = this.#composer.find(name)
    if (composition !== undefined) {
      const unitOf = (leaf: Match): Unit | undefined => this.#units.find(this.#units.placeOf(leaf))
      return explainComposed({ composition, unitOf, cache })
    }
    const place = this.#units.placeOf(match)
    const { source } = place
    const list = source.listsKeys ? this.#units.find({ source, key: undefined }) : undefined
    return explain({ match, source, unit: this.#units.find(place), list, cache, clock })
  }

  /** A pattern secret was evicted from the cache: it is refreshed no longer. */
  forget(match: Match): void {
    this.#keyLists.evicted(match)
    const source = this.#units.sources.get(match.rule.provider)
    const unit = source?.listsAll === false ? this.#units.find({ source, key: match.key }) : undefined
    if (unit === undefined) return
    unit.matches.delete(match.name)
    // A run that is under way ends first: without its unit, the next who wants the key would start a second one.
    if (unit.current === undefined && unit.matches.size === 0) this.#runner.retire(unit)
  }

  #heedBreaker(source: Source): void {
    source.onOpened = (probeAt) => this.#runner.opened(source, probeAt)
    source.onClosed = (cause) => this.#runner.closed(source, cause)
    source.onUndecided = (since) => this.#runner.undecided(source, since)
  }

  #release(source: Source): void {
    source.onOpened = () => {}
    source.onClosed = () => {}
    source.onUndecided = () => {}
    this.#watchers.get(source)?.stop()
    this.#watchers.delete(source)
    this.#runner.forget(source)
  }

  #watch(source: Source): void {
    if (!source.watches || this.#stopped) return
    const { clock, random, observer } = this.#options
    const schedule = this.#schedule
    const changed = (key?: string): void => this.#changed(source, key)
    const watcher = new Watcher({ source, clock, random, schedule, observer, changed })
    this.#watchers.set(source, watcher)
    watcher.start()
  }

  #changed(source: Source, key: string | undefined): void {
    for (const { unit } of this.#units.chained(source, key)) this.#runner.soon(unit)
    if (key === undefined) {
      for (const unit of this.#units.ofSource(source)) this.#runner.soon(unit)
      return
    }
    for (const each of source.listsKeys ? [key] : [key, undefined]) {
      const unit = this.#units.find({ source, key: each })
      if (unit !== undefined) this.#runner.soon(unit)
    }
    this.#keyLists.noticed(source, key)
  }

  /** The process stood still. What expired meanwhile is fetched soon, and who wants it waits for that. */
  #resumed(since: number): void {
    const now = this.#options.clock.now()
    for (const unit of this.#units.all()) unit.paced = false
    this.#askers.resumed()
    this.#options.cache.overslept(since, now + graceAfterResume)
  }
}
