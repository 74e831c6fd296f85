import type { Entry } from './entry.ts'
import type { SecretState } from './reading.ts'
import type { Rule } from './rules.ts'

/** What health needs to know: whether all that is required was loaded once, and whether it is held now. */
export class Readiness {
  readonly #isSwept: (provider: string) => boolean
  #required: readonly Entry[] = []
  #patterns: readonly Rule[] = []
  /** Names of required secrets that were never loaded. */
  #awaited = new Set<string>()
  #loadedOnce = false

  /** @param isSwept whether a provider has ever listed what it has */
  constructor(isSwept: (provider: string) => boolean) {
    this.#isSwept = isSwept
  }

  /** What is required from now on. */
  expect(entries: Iterable<Entry>, patterns: readonly Rule[]): void {
    this.#required = [...entries].filter((entry) => entry.match.rule.required)
    this.#patterns = patterns.filter((rule) => rule.required)
    this.#awaited = new Set(this.#required.filter(isAwaited).map((entry) => entry.match.name))
  }

  loaded(name: string): void {
    this.#awaited.delete(name)
  }

  /**
   * Whether everything required was loaded once. It stays so: a secret that a changed configuration requires beside the
   * others does not take a sidecar that was ready out of service.
   */
  get loadedOnce(): boolean {
    this.#loadedOnce ||=
      this.#awaited.size === 0 && this.#patterns.every((rule) => this.#isSwept(rule.provider))
    return this.#loadedOnce
  }

  /** Whether all that was ever loaded of it is served. */
  held(now: number): boolean {
    return this.loadedOnce && this.#required.every((entry) => isAwaited(entry) || isServed(entry.state(now)))
  }
}

function isAwaited(entry: Entry): boolean {
  return !entry.wasLoaded
}

function isServed(state: SecretState): boolean {
  return state === 'fresh' || state === 'stale'
}
