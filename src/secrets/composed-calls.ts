import type { SecretCache } from './cache.ts'
import type { Composer } from './composer.ts'
import type { Composition } from './compositions.ts'
import type { ForcedCalls } from './forced-calls.ts'
import type { RunOutcome, SecretOutcome } from './outcome.ts'
import { outcomeOf } from './outcome.ts'
import { ProviderError } from './provider.ts'
import type { Match } from './rules.ts'
import type { Unit } from './unit.ts'

/** In place of why: which of its parts, and what is wrong with it, is told by `explain` to those who may know of it. */
const notHad = 'a part of it could not be fetched'

export interface ComposedCallsOptions {
  readonly cache: SecretCache
  readonly calls: ForcedCalls
  readonly composer: Pick<Composer, 'find'>
}

/** Forced calls, where a composed secret stands for the calls of all that it is made of: each unit is called once. */
export class ComposedCalls {
  readonly #cache: SecretCache
  readonly #calls: ForcedCalls
  readonly #composer: Pick<Composer, 'find'>

  constructor({ cache, calls, composer }: ComposedCallsOptions) {
    this.#cache = cache
    this.#calls = calls
    this.#composer = composer
  }

  /** See `ForcedCalls`, as of the others. */
  isUnderWay(match: Match): boolean {
    return this.#leaves(match).some((leaf) => this.#calls.isUnderWay(leaf))
  }

  throttled(match: Match): ProviderError | undefined {
    for (const leaf of this.#leaves(match)) {
      const error = this.#calls.throttled(leaf)
      if (error === undefined) continue
      return this.#composer.find(match.name) === undefined ? error : withoutNames(error)
    }
    return undefined
  }

  doubt(match: Match): void {
    for (const leaf of this.#leaves(match)) this.#calls.doubt(leaf)
  }

  /** @param find which rule names a secret now */
  async of(name: string, find: (name: string) => Match | undefined): Promise<RunOutcome> {
    const call = (leaf: string): Promise<RunOutcome> => this.#calls.of(() => fetchedOnly(find(leaf)))
    const composition = this.#composer.find(name)
    if (composition === undefined) return await call(name)
    return await this.#together(composition, (leaf) => call(leaf.name))
  }

  ofAll(unit: Unit): Promise<RunOutcome> {
    return this.#calls.ofAll(unit)
  }

  /** @param find which rule names a secret now */
  async ofSince(
    name: string,
    find: (name: string) => Match | undefined,
    since: number,
    suffices: () => boolean,
  ): Promise<RunOutcome> {
    const composition = this.#composer.find(name)
    const call = (leaf: string): Promise<RunOutcome> =>
      this.#calls.ofSince(() => fetchedOnly(find(leaf)), since, suffices)
    if (composition === undefined) return await call(name)
    return await this.#together(composition, (leaf) => call(leaf.name))
  }

  /**
   * How a composed secret came out of what was called for its leaves, in words that name none of them: whoever asks for it
   * may know it and none of its parts.
   *
   * @param before its version then
   */
  outcome(name: string, before: string | undefined, failure: ProviderError | undefined): SecretOutcome {
    if (failure !== undefined) return withoutNames(failure)
    const entry = this.#cache.entry(name)
    const { held, attempts } = entry ?? {}
    if (attempts !== undefined && attempts.failures > 0 && attempts.lastError !== undefined) {
      const { error, unnamed = notHad } = attempts.lastError
      return new ProviderError(error.kind, error.reason, unnamed)
    }
    if (held === undefined) {
      // One of its parts may be composed too, and cannot be.
      for (const part of entry?.parts ?? []) {
        const outcome =
          part.held === undefined ? this.outcome(part.match.name, undefined, undefined) : undefined
        if (outcome instanceof ProviderError) return withoutNames(outcome)
      }
      return 'missing'
    }
    return held.secret.version === before ? 'unchanged' : 'rotated'
  }

  /** The version that is held of a secret now. */
  versionOf(name: string): string | undefined {
    return this.#cache.entry(name)?.held?.secret.version
  }

  async #together(
    { match: { name }, leaves }: Composition,
    call: (leaf: Match) => Promise<RunOutcome>,
  ): Promise<RunOutcome> {
    const before = this.versionOf(name)
    const runs = await Promise.all(leaves.map(async (leaf) => ({ leaf, run: await call(leaf) })))
    const secrets = new Map<string, SecretOutcome>()
    let failure: ProviderError | undefined
    let calledAt: number | undefined
    for (const { leaf, run } of runs) {
      const outcome = outcomeOf(run, leaf.name)
      secrets.set(leaf.name, outcome)
      if (outcome instanceof ProviderError) failure ??= outcome
      if (run.calledAt !== undefined) calledAt = Math.max(calledAt ?? run.calledAt, run.calledAt)
    }
    secrets.set(name, this.outcome(name, before, failure))
    return { secrets, calledAt }
  }

  #leaves(match: Match): readonly Match[] {
    return this.#composer.find(match.name)?.leaves ?? [match]
  }
}

/** What a call for a part says names it, its provider or its key. How long to wait is for everyone. */
function withoutNames({ kind, reason, retryAfterMs }: ProviderError): ProviderError {
  return new ProviderError(kind, reason, notHad, { retryAfterMs })
}

/** By a changed configuration, what was fetched may be composed itself: there is no call for it then. */
function fetchedOnly(match: Match | undefined): Match | undefined {
  return match?.rule.template === undefined ? match : undefined
}
