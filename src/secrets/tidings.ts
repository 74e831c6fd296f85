import type { SecretCache } from './cache.ts'
import type { Clock } from './clock.ts'
import type { Ending } from './ending.ts'
import { isRefused } from './ending.ts'
import type { SecretsObserver } from './observer.ts'
import type { RunOutcome } from './outcome.ts'
import { callOutcome, outcomeOf } from './outcome.ts'
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
  called(unit: Unit, { outcome, tookMs }: Ending): void {
    const provider = unit.source.name
    this.#observer.called({ provider, outcome: callOutcome(outcome), durationMs: tookMs })
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
    this.#tellReaders(unit, ending, nextAt)
    const { run, outcome, error } = ending
    const provider = unit.source.name
    if (error === undefined) {
      if (failuresBefore === 0) return
      const secrets = this.#waitingFor(unit).slice(0, namesInEvents)
      this.#observer.recovered({ provider, secrets, attempts: failuresBefore })
    } else if (run.began !== undefined) {
      const failed = [...outcome.secrets].filter(([, each]) => each instanceof ProviderError)
      const names = failed.length > 0 ? failed.map(([name]) => name) : this.#waitingFor(unit)
      const secrets = names.slice(0, namesInEvents)
      const nextTryMs = nextAt - this.#clock.now()
      this.#observer.failed({ provider, secrets, error, attempt: unit.failures, nextTryMs, declared: true })
    }
  }

  /** The first fetch of a pattern secret failed. */
  firstFetchFailed(unit: Unit, name: string, error: ProviderError, attempt: number, nextTryMs: number): void {
    const provider = unit.source.name
    this.#observer.failed({ provider, secrets: [name], error, attempt, nextTryMs, declared: false })
  }

  #tellReaders(unit: Unit, ending: Ending, nextAt: number): void {
    const { outcome } = ending
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
    }
  }

  *#namesOf(unit: Unit, outcome?: RunOutcome): Generator<string> {
    if (unit.key !== undefined) {
      // What a key stands for is all that its run can speak of.
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
