import type { Composed } from './brought.ts'
import type { SecretCache } from './cache.ts'
import type { Clock } from './clock.ts'
import { type Composition, Compositions } from './compositions.ts'
import type { Confirmation, Entry } from './entry.ts'
import type { SecretsObserver } from './observer.ts'
import type { ProviderErrorReason } from './provider.ts'
import { ProviderError } from './provider.ts'
import type { Match, Rules } from './rules.ts'
import type { Secret } from './secret.ts'
import { SecretValue } from './secret.ts'
import { renderTemplate } from './template/render.ts'
import type { Place } from './units.ts'

/** A composed secret is a line or a small file; a template that names large ones many times is a mistake. */
const maxComposedBytes = 1024 * 1024

export interface ComposerOptions {
  readonly cache: SecretCache
  readonly clock: Clock
  readonly observer: SecretsObserver
  /** Where a secret is fetched. */
  readonly placeOf: (match: Match) => Place
}

/** Why a composed secret cannot be made. */
interface Failure {
  /** With the names of its parts, for the log and for who may know of all of them. */
  readonly error: ProviderError
  /** The same for its readers, who may know it and none of its parts. */
  readonly told: string
}

type Held = NonNullable<Entry['held']>

/** A part that is held, with its name. */
interface HeldPart {
  readonly name: string
  readonly held: Held
}

/**
 * Makes composed secrets of their parts, in the same turn of the event loop in which the parts are taken in: whoever
 * reads sees all of it as it was, or all of it as it is.
 */
export class Composer {
  readonly #options: ComposerOptions
  #compositions: Compositions | undefined
  /** What each was made of when it was made last: the very same parts make the very same text. */
  #madeOf = new Map<string, readonly Secret[]>()
  /** Failures that are not told of yet. */
  #untold: { readonly name: string; readonly error: ProviderError; readonly attempt: number }[] = []

  constructor(options: ComposerOptions) {
    this.#options = options
  }

  find(name: string): Composition | undefined {
    return this.#compositions?.find(name)
  }

  /** Those that are made of any of the secrets. */
  madeOf(names: Iterable<string>): Composition[] {
    return this.#compositions?.madeOf(names) ?? []
  }

  /** Other rules hold from now on: what is held is put together by them at once. The cache has them already. */
  apply(rules: Rules): void {
    const { cache } = this.#options
    this.#compositions = new Compositions(rules)
    this.#madeOf = new Map()
    for (const { match, parts } of this.#compositions.all) {
      const entry = cache.entry(match.name)
      if (entry !== undefined) entry.parts = parts.flatMap(({ name }) => cache.entry(name) ?? [])
    }
    for (const composition of this.#compositions.all) this.#compose(composition)
    this.tell()
  }

  /** A run took in what it brought, or failed to, for these secrets. */
  took(names: Iterable<string>): void {
    for (const composition of this.madeOf(names)) this.#compose(composition)
  }

  /** Tells of what could not be put together, once it is known when its parts are fetched next. */
  tell(): void {
    const { cache, clock, observer } = this.#options
    for (const { name, error, attempt } of this.#untold) {
      const nextTryMs = Math.max(0, (cache.entry(name)?.nextAt ?? clock.now()) - clock.now())
      observer.failed({ provider: undefined, secrets: [name], error, attempt, nextTryMs, declared: true })
    }
    this.#untold = []
  }

  #compose(composition: Composition): void {
    const { cache, clock } = this.#options
    const { match, parts } = composition
    const entry = cache.entry(match.name)
    if (entry === undefined) return
    const entries = parts.flatMap(({ name }) => cache.entry(name) ?? [])
    const now = clock.now()
    if (entries.some((part) => part.state(now) === 'missing')) {
      this.#madeOf.delete(match.name)
      // Dropped once: it is no news that it is still missing.
      if (entry.state(now) !== 'missing') cache.drop(match)
      this.#succeeded(entry)
      return
    }
    const held = heldOf(entries)
    // Not loaded yet; or, by other rules than before, held until it is.
    if (held.length < parts.length) {
      cache.forgetMissing(match)
      // Why other parts could not be put together, or these by another template, says nothing of what is awaited.
      entry.attempts.failures = 0
      entry.attempts.lastFailure = undefined
      return
    }
    const failure = this.#surely(match.name, () => this.#doubt(composition) ?? this.#make(composition, held))
    if (failure === undefined) this.#succeeded(entry)
    else this.#failed(entry, failure)
  }

  /** As with what a provider brings: what nobody foresees is a failure of this secret, and not the end of the process. */
  #surely(name: string, work: () => Failure | undefined): Failure | undefined {
    try {
      return work()
    } catch (thrown) {
      this.#options.observer.broke({ provider: undefined, thrown })
      return failure('internal', `"${name}" cannot be composed, by a fault of Sidekeep`)
    }
  }

  /** Why its parts must not be put together now. */
  #doubt({ parts, leaves }: Composition): Failure | undefined {
    const { cache } = this.#options
    for (const { name } of parts) {
      const error = this.#failureOf(name)
      if (error !== undefined) {
        return failure(
          error.reason,
          `it is made of "${name}": ${error.message}`,
          'a part of it cannot be composed',
        )
      }
    }
    // What one key stands for belongs together: a user and a password of two fetches are no login.
    const fetches = new Map<object, Map<string, { name: string; at: number }>>()
    for (const leaf of leaves) {
      const held = cache.entry(leaf.name)?.held
      if (held === undefined) continue
      const { source } = this.#options.placeOf(leaf)
      const byKey = fetches.get(source) ?? new Map()
      fetches.set(source, byKey)
      const other = byKey.get(leaf.key)
      if (other === undefined) byKey.set(leaf.key, { name: leaf.name, at: held.confirmedAt })
      else if (other.at !== held.confirmedAt) {
        const since = 'since the last one brought only one of them: what was made of them before is kept'
        return failure(
          'malformed',
          `"${other.name}" and "${leaf.name}" are from two fetches of "${leaf.key}", ${since}`,
          `parts of it that belong together are from two fetches, ${since}`,
        )
      }
    }
    return undefined
  }

  /** Of a part that is composed itself, why it could not be made. */
  #failureOf(name: string): ProviderError | undefined {
    if (this.find(name) === undefined) return undefined
    const attempts = this.#options.cache.entry(name)?.attempts
    return attempts !== undefined && attempts.failures > 0 ? attempts.lastError?.error : undefined
  }

  #make({ match, template }: Composition, parts: readonly HeldPart[]): Failure | undefined {
    const { cache } = this.#options
    const composed = lastingOf(parts)
    const confirmation = oldest(parts)
    const secrets = parts.map(({ held }) => held.secret)
    const before = this.#madeOf.get(match.name)
    if (before !== undefined && secrets.every((secret, index) => secret === before[index])) {
      cache.confirmed(match, { composed }, confirmation)
      return undefined
    }
    const byName = new Map(parts.map(({ name, held }) => [name, held.secret]))
    const secretOf = (name: string): Secret => {
      const secret = byName.get(name)
      if (secret === undefined) throw new Error(`a template names "${name}", which is no part of it`)
      return secret
    }
    const value = renderTemplate(template, secretOf, maxComposedBytes)
    if (!(value instanceof SecretValue)) {
      const told = `it cannot be composed: ${value.part === undefined ? value.message : 'a part of it does not fit its template'}`
      return failure(value.reason, `it cannot be composed: ${value.message}`, told)
    }
    cache.store(match, { value, composed }, confirmation)
    this.#madeOf.set(match.name, secrets)
    return undefined
  }

  #failed({ attempts, match: { name } }: Entry, { error, told }: Failure): void {
    const { clock } = this.#options
    attempts.failures += 1
    // Its parts are fetched again and again: the same fault is told once.
    const isKnown = attempts.failures > 1 && attempts.lastError?.error.message === error.message
    attempts.lastFailure = told
    attempts.lastError = { error, at: clock.wall(), unnamed: told }
    if (!isKnown) this.#untold.push({ name, error, attempt: attempts.failures })
  }

  #succeeded({ attempts, match: { name } }: Entry): void {
    const { failures } = attempts
    attempts.failures = 0
    attempts.lastFailure = undefined
    if (failures > 0)
      this.#options.observer.recovered({ provider: undefined, secrets: [name], attempts: failures })
  }
}

/** @param told the same without the names of its parts, where the message has any */
function failure(reason: ProviderErrorReason, message: string, told = message): Failure {
  return { error: new ProviderError('unavailable', reason, message), told }
}

function heldOf(entries: readonly Entry[]): HeldPart[] {
  return entries.flatMap(({ held, match: { name } }) => (held === undefined ? [] : [{ name, held }]))
}

/** It is as old as its oldest part. */
function oldest(parts: readonly HeldPart[]): Confirmation {
  let [at, atWall] = [Number.POSITIVE_INFINITY, 0]
  for (const { held } of parts)
    if (held.confirmedAt < at) [at, atWall] = [held.confirmedAt, held.confirmedAtWall]
  return { at, atWall }
}

/** It is fresh as long as all parts are, and served until the first of them expires. */
function lastingOf(parts: readonly HeldPart[]): Composed {
  const { at } = oldest(parts)
  let [freshMs, servedMs, fetchedAt] = [Number.POSITIVE_INFINITY, Number.POSITIVE_INFINITY, 0]
  for (const { held } of parts) {
    freshMs = Math.min(freshMs, held.confirmedAt + held.freshMs - at)
    servedMs = Math.min(servedMs, held.confirmedAt + held.servedMs - at)
    fetchedAt = Math.max(fetchedAt, held.fetchedAt)
  }
  return { freshMs, servedMs, fetchedAt }
}
