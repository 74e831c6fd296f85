import type { ComposedCalls } from './composed-calls.ts'
import type { Composition } from './compositions.ts'
import type { RunOutcome, SecretOutcome } from './outcome.ts'
import { ProviderError } from './provider.ts'

/** What becomes of composed secrets while what they are made of is fetched, unit by unit. */
export class ComposedResults {
  readonly #calls: ComposedCalls
  /** By name, the version before all calls. */
  readonly #before = new Map<string, string | undefined>()
  readonly #failures = new Map<string, ProviderError>()

  constructor(calls: ComposedCalls) {
    this.#calls = calls
  }

  /** Before a unit is called that some of their parts come from. */
  expect(compositions: readonly Composition[]): void {
    for (const { match } of compositions)
      if (!this.#before.has(match.name)) this.#before.set(match.name, this.#calls.versionOf(match.name))
  }

  /** The unit's run has ended. */
  ended(compositions: readonly Composition[], run: RunOutcome): void {
    for (const { match, leaves } of compositions) {
      for (const { name } of leaves) {
        const outcome = run.secrets.get(name)
        if (outcome instanceof ProviderError && !this.#failures.has(match.name))
          this.#failures.set(match.name, outcome)
      }
      if (run.failure !== undefined && !this.#failures.has(match.name))
        this.#failures.set(match.name, run.failure)
    }
  }

  *outcomes(): Generator<[name: string, outcome: SecretOutcome]> {
    for (const [name, before] of this.#before)
      yield [name, this.#calls.outcome(name, before, this.#failures.get(name))]
  }
}
