import { backoffDelay, refreshDelay } from './backoff.ts'
import type { SecretCache } from './cache.ts'
import type { Random } from './clock.ts'
import type { ProviderError } from './provider.ts'
import type { Rules } from './rules.ts'
import type { Unit } from './unit.ts'

/** Says how long after a run the next one of its unit begins. */
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
   * @param error why the run failed, wholly or for one of its secrets
   * @param tookMs how long the run took, in milliseconds
   * @returns milliseconds from now
   */
  delay(unit: Unit, error: ProviderError | undefined, tookMs: number): number {
    const interval = this.#interval(unit)
    // Each counted for itself: a failure after days of a missing secret is the first one.
    const attempts = unit.failures > 0 ? unit.failures : unit.misses
    if (attempts > 0) return backoffDelay(attempts, interval, error?.retryAfterMs, this.#random)
    // The value is as old as the question, and the next answer will take its time too. A backend whose answers take
    // most of the interval cannot keep a secret fresh; it is at least left a pause.
    return refreshDelay(Math.max(interval - 2 * tookMs, interval / 4), this.#random)
  }

  /** The shortest refresh interval, or ttl, of the secrets that the unit refreshes. */
  #interval(unit: Unit): number {
    let interval = Number.POSITIVE_INFINITY
    const matches = [...unit.matches.values()]
    if (unit.key === undefined) {
      matches.push(...this.#cache.discovered(unit.source.name))
      for (const rule of this.#rules.patternsOf(unit.source.name))
        interval = Math.min(interval, rule.refreshMs)
    }
    for (const { name, rule } of matches) {
      interval = Math.min(interval, this.#cache.entry(name)?.held?.freshMs ?? rule.refreshMs)
    }
    return interval
  }
}
