import type { SecretCache } from './cache.ts'
import type { Clock } from './clock.ts'
import { endsWithin } from './clock.ts'
import type { ComposedCalls } from './composed-calls.ts'
import { ComposedResults } from './composed-results.ts'
import type { Composer } from './composer.ts'
import { speaksOf } from './forced-calls.ts'
import type { Glob } from './glob.ts'
import { isKept } from './kept.ts'
import type { KeyLists } from './key-lists.ts'
import type { RunOutcome, SecretOutcome } from './outcome.ts'
import { outcomeOf } from './outcome.ts'
import { ProviderError } from './provider.ts'
import type { Reading, RefreshResult } from './reading.ts'
import { wantsFetch } from './reading.ts'
import type { Match, Rules } from './rules.ts'
import type { Runner } from './runner.ts'
import type { Unit } from './unit.ts'
import type { Units } from './units.ts'

export interface AskersOptions {
  readonly rules: Rules
  readonly cache: SecretCache
  readonly clock: Clock
  readonly runner: Runner
  readonly units: Units
  readonly calls: ComposedCalls
  readonly composer: Pick<Composer, 'find' | 'madeOf'>
  readonly keyLists: KeyLists
}

const evictedAtOnce =
  'the cache has no room for it beside the others: raise cache.maxEntries or cache.maxBytes'
/** What callers are told to wait where nobody knows better, in milliseconds. */
const askAgainAfter = 1_000

/** What those are told who want a fetch: which calls are made for them, and which are not. */
export class Askers {
  readonly #cache: SecretCache
  readonly #clock: Clock
  readonly #runner: Runner
  readonly #units: Units
  readonly #calls: ComposedCalls
  readonly #composer: AskersOptions['composer']
  readonly #keyLists: KeyLists
  #rules: Rules
  /** When the process last came back from a suspension, on the monotonic clock. */
  #resumedAt = Number.NEGATIVE_INFINITY

  constructor(options: AskersOptions) {
    this.#rules = options.rules
    this.#cache = options.cache
    this.#clock = options.clock
    this.#runner = options.runner
    this.#units = options.units
    this.#calls = options.calls
    this.#composer = options.composer
    this.#keyLists = options.keyLists
  }

  /** Other rules hold from now on. */
  apply(rules: Rules): void {
    this.#rules = rules
  }

  resumed(): void {
    this.#resumedAt = this.#clock.now()
  }

  /**
   * The first fetch of a pattern secret, or the one of a secret that expired while the process was suspended: one call,
   * however many wait for it, and each of them for `timeoutMs` at most. A name that was missing or failing a moment ago
   * costs no call. Never rejects.
   */
  async demand(name: string, timeoutMs: number): Promise<Reading> {
    const composition = this.#composer.find(name)
    if (composition !== undefined) {
      await Promise.all(composition.leaves.map((leaf) => this.demand(leaf.name, timeoutMs)))
      return this.#cache.read(name)
    }
    const until = this.#clock.now() + timeoutMs
    for (;;) {
      const reading = this.#cache.read(name)
      if (!wantsFetch(reading)) return reading
      const match = this.#rules.find(name)
      if (match === undefined) return { kind: 'not-found' }
      const refusal = this.#refusal(match, reading)
      if (refusal !== undefined) return refusal
      const leftMs = Math.max(0, until - this.#clock.now())
      const unit = this.#units.for(match)
      const patienceMs = isKept(unit, this.#cache) ? undefined : leftMs
      const { ended } = this.#runner.run(unit, { urgency: 'caller', patienceMs })
      if (!(await unit.waitedFor(endsWithin(this.#clock, leftMs, ended)))) {
        return this.#tooLate(name, reading, `no answer within ${timeoutMs} ms yet`)
      }
      const after = this.#cache.read(name)
      if (after.kind !== 'undiscovered') return after
      const run = await ended
      if (!speaksOf(run, unit, name)) {
        if (this.#clock.now() < until) continue
        return this.#tooLate(name, reading, `no answer within ${timeoutMs} ms yet`)
      }
      const outcome = outcomeOf(run, name)
      if (outcome === 'missing') return { kind: 'not-found' }
      // Another's patience ended in the queue; this caller has some left.
      const wasLeft = outcome instanceof ProviderError && outcome.reason === 'timeout'
      if (wasLeft && run.calledAt === undefined && this.#clock.now() < until) continue
      return this.#failing(unit) ?? notLoaded(outcome)
    }
  }

  /** Fetches a secret now, or joins the fetch that is under way, or gives the result of the last second's. Never rejects. */
  async refresh(name: string): Promise<RefreshResult> {
    const match = this.#rules.find(name)
    if (match === undefined) return { outcome: 'not-found' }
    const throttled = this.#calls.throttled(match)
    if (throttled !== undefined) return this.#result(name, throttled)
    const run = await this.#calls.of(name, (one) => this.#rules.find(one))
    return this.#result(name, outcomeOf(run, name), run.absence)
  }

  /**
   * Fetches everything that is declared or held now, and what lists discover. A pattern stands for its secrets where
   * its list could not be had. Never rejects.
   *
   * @param wants which of them; a list is fetched where one of its secrets or of its patterns is among them
   */
  async refreshAll(wants?: Glob): Promise<{ name: string; result: RefreshResult }[]> {
    const results = new Map<string, RefreshResult>()
    const composed = new ComposedResults(this.#calls)
    const runs = [...this.#units.all()].map(async (unit) => {
      const names = [...unit.matches.keys()]
      const provider = unit.source.name
      const patterns = unit.key === undefined ? this.#rules.patternsOf(provider).map((rule) => rule.name) : []
      if (unit.key === undefined && !unit.listsKeys)
        names.push(...this.#cache.discovered(provider).map((match) => match.name))
      const made = this.#composer.madeOf(names).filter(({ match }) => wants?.(match.name) ?? true)
      if (wants !== undefined && made.length === 0 && ![...names, ...patterns].some(wants)) return
      composed.expect(made)
      const failure = this.#runner.throttled(unit)
      const run: RunOutcome = failure === undefined ? await this.#all(unit) : { secrets: new Map(), failure }
      // A list that could not be had says nothing of which secrets a pattern has; the pattern stands for them.
      if (run.failure !== undefined) names.push(...patterns)
      for (const name of [...names, ...run.secrets.keys()]) {
        if (wants !== undefined && !wants(name)) continue
        results.set(name, this.#result(name, outcomeOf(run, name), run.absence))
      }
      composed.ended(made, run)
    })
    await Promise.all(runs)
    for (const [name, outcome] of composed.outcomes()) results.set(name, this.#result(name, outcome))
    return [...results].map(([name, result]) => ({ name, result })).sort((a, b) => (a.name < b.name ? -1 : 1))
  }

  /** All that a unit fetches; of a list of keys what it led to. */
  async #all(unit: Unit): Promise<RunOutcome> {
    if (!unit.listsKeys) return await this.#calls.ofAll(unit)
    const { gathering, close } = this.#keyLists.gather(unit.source)
    const outcome = await this.#calls.ofAll(unit)
    close()
    await unit.waitedFor(gathering.whole)
    return { ...outcome, secrets: gathering.secrets }
  }

  /** What a caller is told for whom no call is made: one failed a moment ago, and is not made again yet. */
  #refusal(match: Match, reading: Reading): Reading | undefined {
    const unit = this.#units.find(this.#units.placeOf(match))
    if (unit === undefined) return undefined
    if (reading.kind !== 'expired') return this.#failing(unit)
    const wasTried = (unit.calledAt ?? Number.NEGATIVE_INFINITY) >= this.#resumedAt
    const isLeftAlone = this.#runner.throttled(unit) !== undefined
    return isLeftAlone || (wasTried && this.#failing(unit) !== undefined) ? reading : undefined
  }

  /** What readers are told of a unit that brought nothing and is not tried again yet. */
  #failing({ current, failure, plannedFor }: Unit): Reading | undefined {
    if (current !== undefined || failure === undefined || plannedFor === undefined) return undefined
    const retryAfterMs = Math.max(1, plannedFor - this.#clock.now())
    return { kind: 'not-loaded', retryAfterMs, reason: failure.error.message }
  }

  #tooLate(name: string, before: Reading, reason: string): Reading {
    if (before.kind === 'expired') return this.#cache.read(name)
    return { kind: 'not-loaded', retryAfterMs: askAgainAfter, reason }
  }

  #result(name: string, outcome: SecretOutcome, absence?: ProviderError): RefreshResult {
    const status = this.#cache.status(name)
    if (outcome instanceof ProviderError) {
      return { outcome: 'failed', error: outcome, ...(status === undefined ? {} : { status }) }
    }
    if (outcome === 'missing' || status === undefined) {
      return { outcome: 'not-found', ...(absence === undefined ? {} : { said: absence }) }
    }
    return { outcome: outcome === 'unchanged' ? 'unchanged' : 'rotated', status }
  }
}

function notLoaded(outcome: SecretOutcome): Reading {
  if (!(outcome instanceof ProviderError)) {
    return { kind: 'not-loaded', retryAfterMs: askAgainAfter, reason: evictedAtOnce }
  }
  // An open breaker says when it lets a call through; what failed for itself is remembered, with its own time.
  const retryAfterMs =
    outcome.reason === 'circuit-open' ? (outcome.retryAfterMs ?? askAgainAfter) : askAgainAfter
  return { kind: 'not-loaded', retryAfterMs: Math.max(1, retryAfterMs), reason: outcome.message }
}
