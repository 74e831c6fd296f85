import type { SecretCache } from './cache.ts'
import { type Glob, globOf } from './glob.ts'
import { mayOverlap } from './overlap.ts'
import { isPattern } from './rules.ts'
import type { Secret } from './secret.ts'

/** How a secret stands for a part of the sidecar that keeps copies of values somewhere else. */
export type Standing =
  | { readonly kind: 'held'; readonly secret: Secret }
  /**
   * Not served any more. The last value is there still. `overslept`: that is because the process stood still, and whether
   * it stays so is known in a moment, once it was fetched again.
   */
  | { readonly kind: 'expired'; readonly secret: Secret; readonly overslept: boolean }
  /** Its provider says that it does not exist, or no rule names it. */
  | { readonly kind: 'missing' }
  /** Only a pattern names it, and nobody has asked for it yet, or lately. */
  | { readonly kind: 'undiscovered' }
  /** Nothing is known of it: no fetch has brought it yet. */
  | { readonly kind: 'unknown'; readonly retryAfterMs: number }

export interface StandingsOptions {
  readonly cache: Pick<SecretCache, 'read' | 'entry' | 'statuses' | 'rules' | 'isListed'>
  /** Whether a provider can say which secrets it has. */
  readonly canList: (provider: string) => boolean
  /** Whether the process stood still until just now, and nobody has noticed yet. Not so by default. */
  readonly stoodStill?: () => boolean
}

/** Which secrets there are for who wants all that a pattern covers, and whether all of them are known yet. */
export class Standings {
  readonly #cache: StandingsOptions['cache']
  readonly #canList: (provider: string) => boolean
  readonly #stoodStill: () => boolean

  constructor({ cache, canList, stoodStill = () => false }: StandingsOptions) {
    this.#cache = cache
    this.#canList = canList
    this.#stoodStill = stoodStill
  }

  /** Good for this turn of the event loop. Counts as a read: what is wanted elsewhere is no candidate for eviction. */
  of(name: string): Standing {
    const reading = this.#cache.read(name)
    switch (reading.kind) {
      case 'held':
        return { kind: 'held', secret: reading.secret }
      case 'expired': {
        const secret = this.#cache.entry(name)?.held?.secret
        if (secret === undefined) return { kind: 'unknown', retryAfterMs: reading.retryAfterMs }
        return { kind: 'expired', secret, overslept: reading.overslept === true || this.#stoodStill() }
      }
      case 'not-found':
        return { kind: 'missing' }
      case 'undiscovered':
        return { kind: 'undiscovered' }
      case 'not-loaded':
        return { kind: 'unknown', retryAfterMs: reading.retryAfterMs }
    }
  }

  /** The names that are declared or held, of those that somebody wants. */
  names(wants: Glob): string[] {
    return this.#cache.statuses(wants).map(({ name }) => name)
  }

  /**
   * What has to be known before it can be said what a name or a pattern stands for now: names of secrets that were neither
   * brought nor called missing yet, and rules whose provider has not listed yet what it has, or not brought what it listed.
   * A rule of a provider that cannot list stands for what callers ask for, and nothing is waited for.
   */
  unsettled(wanted: string): string[] {
    if (!isPattern(wanted)) return this.#isSettled(wanted) ? [] : [wanted]
    const { declared, patterns } = this.#cache.rules
    const wants = globOf(wanted)
    const names = [...declared]
      .map(({ name }) => name)
      .filter((name) => wants(name) && !this.#isSettled(name))
    const rules = patterns.filter(
      ({ name, provider }) =>
        mayOverlap(wanted, name) && this.#canList(provider) && !this.#cache.isListed(provider),
    )
    return [...names, ...rules.map(({ name }) => name)]
  }

  #isSettled(name: string): boolean {
    const { kind } = this.of(name)
    return kind === 'held' || kind === 'missing'
  }
}
