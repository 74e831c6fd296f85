import type { SecretCache } from './cache.ts'
import type { Clock } from './clock.ts'
import type { Ending } from './ending.ts'
import { isRefused } from './ending.ts'
import type { SecretsObserver } from './observer.ts'
import type { RunOutcome } from './outcome.ts'
import { callOutcome, firstError, outcomeOf } from './outcome.ts'
import { ProviderError } from './provider.ts'
import type { Rules } from './rules.ts'
import type { Unit } from './unit.ts'

/** How many names one event carries at the most. */
const namesInEvents = 10

export interface TidingsOptions {
  readonly rules: Rules
  readonly cache: SecretCache
  readonly clock: Clock
  readonly observer: SecretsObserver
}

/** Tells of runs: readers, by what the entries of the cache say of attempts, and the log and the metrics. */
export class Tidings {
  readonly #cache: SecretCache
  readonly #clock: Clock
  readonly #observer: SecretsObserver
  #rules: Rules
  /** The lists of keys that were denied, with what was told of that. */
  readonly #deniedLists = new WeakMap<Unit, string>()

  constructor(options: TidingsOptions) {
    this.#cache = options.cache
    this.#clock = options.clock
    this.#observer = options.observer
    this.#rules = options.rules
  }

  /** Other rules hold from now on. */
  apply(rules: Rules): void {
    this.#rules = rules
  }

  /** A call to the provider ended. */
  called(unit: Unit, { run, outcome, tookMs }: Ending): void {
    const provider = unit.source.name
    // Of the provider that answered, not of those that were asked in vain before.
    const durationMs = run.began === undefined ? tookMs : this.#clock.now() - run.began.at
    this.#observer.called({ provider, outcome: callOutcome(outcome), durationMs })
  }

  /** The unit comes at another time than before. @param nextAt on the monotonic clock, as below */
  planned(unit: Unit, nextAt: number): void {
    for (const name of this.#namesOf(unit)) {
      const attempts = this.#cache.entry(name)?.attempts
      if (attempts !== undefined) attempts.nextAt = nextAt
    }
  }

  /** A run ended, and the next comes at `nextAt`. */
  ended(unit: Unit, ending: Ending, nextAt: number, failuresBefore: number): void {
    const back = this.#tellReaders(unit, ending, nextAt)
    const { run, outcome, error } = ending
    const failing = new Set<string>()
    for (const [name, each] of outcome.secrets) if (each instanceof ProviderError) failing.add(name)
    if (error === undefined) {
      this.#deniedLists.delete(unit)
      const names = this.#waitingFor(unit).filter((name) => !failing.has(name))
      if (failuresBefore > 0) this.#recovered(unit, names, failuresBefore)
      else this.#recovered(unit, [...back.keys()], most(back.values()))
    }
    const told = error ?? firstError(outcome)
    if (told === undefined || run.began === undefined || !this.#isNews(unit, told)) return
    const secrets = (failing.size > 0 ? [...failing] : this.#waitingFor(unit)).slice(0, namesInEvents)
    // Of a list that was had, what could not be had of it has a count of its own.
    const attempt = error === undefined ? this.#mostFailures(failing) : unit.failures
    const nextTryMs = nextAt - this.#clock.now()
    const provider = unit.source.name
    this.#observer.failed({ provider, secrets, error: told, attempt, nextTryMs, declared: true })
  }

  /**
   * Who may not list, and may read what is asked for, is told so once: nothing is the worse for it, and it stays so until
   * somebody wants it otherwise.
   */
  #isNews(unit: Unit, { kind, message }: ProviderError): boolean {
    if (!unit.listsKeys) return true
    const before = this.#deniedLists.get(unit)
    if (kind !== 'denied') return true
    this.#deniedLists.set(unit, message)
    return message !== before
  }

  #mostFailures(names: Iterable<string>): number {
    const cache = this.#cache
    const of = (name: string): number =>
      cache.entry(name)?.attempts.failures ?? cache.failedFirstFetches(name)
    return most(Iterator.from(names).map(of))
  }

  #recovered(unit: Unit, names: readonly string[], attempts: number): void {
    if (names.length === 0) return
    const secrets = names.slice(0, namesInEvents)
    this.#observer.recovered({ provider: unit.source.name, secrets, attempts })
  }

  /** The first fetch of a pattern secret failed. */
  firstFetchFailed(unit: Unit, name: string, error: ProviderError, attempt: number, nextTryMs: number): void {
    const provider = unit.source.name
    this.#observer.failed({ provider, secrets: [name], error, attempt, nextTryMs, declared: false })
  }

  /** @returns what was brought again after it had failed, with how often it had */
  #tellReaders(unit: Unit, ending: Ending, nextAt: number): Map<string, number> {
    const { outcome } = ending
    const back = new Map<string, number>()
    for (const name of this.#namesOf(unit, outcome)) {
      const result = outcomeOf(outcome, name)
      const attempts = this.#cache.entry(name)?.attempts
      if (attempts === undefined) {
        // Listed, but not to be had: readers are told why, since only what is not listed is missing.
        const listedAs = outcome.secrets.get(name)
        if (listedAs instanceof ProviderError) {
          this.#cache.rememberFailure(name, nextAt - this.#clock.now(), listedAs)
        }
        continue
      }
      attempts.nextAt = nextAt
      attempts.lastFailure = result instanceof ProviderError ? result.message : undefined
      // That we did not ask is no error of the provider's; the one before, which led to it, says more.
      if (result instanceof ProviderError && !(isRefused(ending) && attempts.lastError !== undefined)) {
        attempts.lastError = { error: result, at: this.#clock.wall() }
      }
      if (result instanceof ProviderError) {
        // As of the unit: neither a call that was not made counts, nor one that callers force again and again.
        if (!isRefused(ending) && (!ending.run.forced || attempts.failures === 0)) attempts.failures += 1
        continue
      }
      if (attempts.failures > 0 && result !== 'missing') back.set(name, attempts.failures)
      attempts.failures = 0
    }
    return back
  }

  *#namesOf(unit: Unit, outcome?: RunOutcome): Generator<string> {
    if (unit.key !== undefined || unit.listsKeys) {
      // What a key stands for is all that its run can speak of, and a list of keys speaks of no secret.
      yield* unit.matches.keys()
      return
    }
    const names = new Set<string>(unit.matches.keys())
    for (const name of outcome?.secrets.keys() ?? []) names.add(name)
    for (const { name } of this.#cache.discovered(unit.source.name)) names.add(name)
    yield* names
  }

  /** The names that a unit stands for, those of its patterns for what only they cover. */
  #waitingFor(unit: Unit): string[] {
    const declared = [...unit.matches.keys()]
    if (unit.key !== undefined) return declared
    return [...declared, ...this.#rules.patternsOf(unit.source.name).map((rule) => rule.name)]
  }
}

/** Not `Math.max(...)`: a list may have more secrets than a function takes arguments. */
function most(counts: Iterable<number>): number {
  let most = 0
  for (const count of counts) most = Math.max(most, count)
  return most
}
