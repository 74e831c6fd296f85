import type { Brought, Listed, Taken } from './brought.ts'
import { copyOf, isUnchanged } from './brought.ts'
import type { SecretCache } from './cache.ts'
import type { Confirmation } from './entry.ts'
import { pickField } from './field.ts'
import type { SecretsObserver } from './observer.ts'
import type { RunOutcome, SecretOutcome } from './outcome.ts'
import type { Unchanged } from './provider.ts'
import { ProviderError } from './provider.ts'
import type { Match, Rules } from './rules.ts'
import { isPattern, placesOf } from './rules.ts'
import { SecretValue } from './secret.ts'
import { Shrinkage } from './shrinkage.ts'
import type { Unit } from './unit.ts'

/** When a call began: what it brought is as old as the question. */
export type Began = Confirmation

/** Takes what a call brought into the cache: which secrets it means, and what each of them makes of it. */
export class Intake {
  readonly #cache: SecretCache
  readonly #shrinkage: Shrinkage
  #rules: Rules

  constructor(rules: Rules, cache: SecretCache, observer: SecretsObserver) {
    this.#rules = rules
    this.#cache = cache
    this.#shrinkage = new Shrinkage(
      observer,
      (name, provider) => this.#isHeld(name) && cache.entry(name)?.match.rule.provider === provider,
    )
  }

  /** Other rules hold from now on. */
  apply(rules: Rules): void {
    this.#rules = rules
    const asked = new Set(rules.patterns.map(({ provider }) => provider))
    for (const { rule } of rules.fetched()) asked.add(rule.provider)
    this.#shrinkage.keep((provider) => asked.has(provider))
  }

  /**
   * One key was asked for.
   *
   * @param version what the provider was told is held
   */
  takeKey(unit: Unit, brought: Brought, began: Began, version?: string): RunOutcome {
    if (isUnchanged(brought)) return this.#confirm(unit, brought, began, version)
    const secrets = new Map<string, SecretOutcome>()
    this.#give([...unit.matches.values()], brought, began, secrets)
    const isMissing = brought instanceof ProviderError && brought.kind === 'missing'
    return isMissing ? { secrets, absence: brought } : { secrets }
  }

  /** What is held is current still: of each secret for which that was true when it was asked, and is now. */
  #confirm(unit: Unit, unchanged: Unchanged, began: Began, version: string | undefined): RunOutcome {
    const secrets = new Map<string, SecretOutcome>()
    for (const match of unit.matches.values()) {
      const { name, rule } = match
      if (version !== undefined && this.#cache.confirm(match, version, unchanged, began)) {
        secrets.set(name, 'unchanged')
      } else if (!isPattern(rule.name) || this.#isHeld(name)) {
        const message = `what was held of "${name}" changed while ${rule.provider} confirmed it: it is fetched next`
        secrets.set(name, new ProviderError('unavailable', 'internal', message))
      }
      // Else somebody has asked for it since, of whom the call says nothing: they ask again (`speaksOf`).
    }
    return { secrets }
  }

  /** A list was asked for: the declared secrets, those that it discovers, and those it named before and no longer does. */
  takeList(unit: Unit, answer: ReadonlyMap<string, Listed> | ProviderError, began: Began): RunOutcome {
    const secrets = new Map<string, SecretOutcome>()
    if (answer instanceof ProviderError) return { secrets, failure: answer }
    const provider = unit.source.name
    const claims = this.#claims(unit, answer)
    const absent = this.#absent(unit, answer, claims)
    // Before anything is taken in: what is new is not held yet, and may have something evicted that is.
    const doubt = this.#doubt(unit, absent, began)
    for (const [key, brought] of answer) this.#give(claims.get(key) ?? [], brought, began, secrets)
    if (doubt !== undefined) {
      // It says nothing of what it lacks, whether that is held or was never heard of.
      for (const { name } of absent) secrets.set(name, doubt)
      return { secrets, failure: doubt }
    }
    for (const match of absent) secrets.set(match.name, this.#take(match, notListed(match), began))
    this.#cache.swept(provider, began.at, listed(secrets))
    return { secrets }
  }

  /** The secrets that each key of a list stands for. */
  #claims(unit: Unit, answer: ReadonlyMap<string, Listed>): Map<string, Match[]> {
    const claims = new Map<string, Match[]>()
    for (const match of unit.matches.values()) {
      const claimants = claims.get(match.key)
      if (claimants === undefined) claims.set(match.key, [match])
      else claimants.push(match)
    }
    for (const key of answer.keys()) {
      const discovered = [...this.#rules.discover(unit.source.name, key)]
      if (discovered.length > 0) claims.set(key, [...(claims.get(key) ?? []), ...discovered])
    }
    return claims
  }

  /** What a list should name and does not: declared secrets, and discovered ones that are held. */
  #absent(
    unit: Unit,
    answer: ReadonlyMap<string, Listed>,
    claims: ReadonlyMap<string, readonly Match[]>,
  ): Match[] {
    const absent = [...unit.matches.values()].filter(({ key }) => !answer.has(key))
    for (const match of this.#cache.discovered(unit.source.name)) {
      const isListed =
        answer.has(match.key) && claims.get(match.key)?.some(({ name }) => name === match.name) === true
      if (!isListed) absent.push(match)
    }
    return absent
  }

  #doubt(unit: Unit, absent: readonly Match[], { at }: Began): ProviderError | undefined {
    const provider = unit.source.name
    const declared = unit.matches.keys().filter((name) => this.#isHeld(name))
    const held = [...declared].length + this.#cache.discovered(provider).length
    const vanished = new Set<string>()
    let intervalMs = 0
    for (const { name, rule } of absent) {
      if (!this.#isHeld(name)) continue
      vanished.add(name)
      // Not the shortest: of a list that is asked for every second, a secret that wants an hour is not gone in three.
      intervalMs = Math.max(intervalMs, rule.refreshMs)
    }
    return this.#shrinkage.judge({ provider, at, held, vanished, intervalMs })
  }

  #isHeld(name: string): boolean {
    return this.#cache.entry(name)?.held !== undefined
  }

  /** Each of the secrets that a key stands for gets a value of its own, since each will be overwritten at its own time. */
  #give(matches: readonly Match[], brought: Listed, began: Began, secrets: Map<string, SecretOutcome>): void {
    const isShared = matches.length !== 1 && !(brought instanceof ProviderError)
    for (const match of matches) {
      const own = isShared ? copyOf(brought) : brought
      secrets.set(match.name, this.#take(match, own, began))
    }
    if (isShared) brought.value.wipe()
  }

  #take(match: Match, brought: Listed, began: Began): SecretOutcome {
    const picked = brought instanceof ProviderError ? brought : pick(match, brought)
    if (picked instanceof ProviderError) {
      if (picked.kind !== 'missing') return picked
      this.#cache.drop(match)
      return 'missing'
    }
    const outcome = this.#cache.store(match, picked, began)
    if (outcome === 'unwanted') {
      const message = `the configuration changed while "${match.name}" was being fetched`
      return new ProviderError('unavailable', 'aborted', message)
    }
    if (outcome !== 'too-large') return outcome
    return new ProviderError(
      'unavailable',
      'oversized',
      `"${match.name}" is larger than cache.maxBytes allows`,
    )
  }
}

function* listed(secrets: ReadonlyMap<string, SecretOutcome>): Generator<string> {
  for (const [name, outcome] of secrets) if (outcome !== 'missing') yield name
}

function notListed({ rule, key }: Match): ProviderError {
  return new ProviderError('missing', 'not-found', `${rule.provider} does not list "${key}"`)
}

/** The rule's field of what was fetched, where the rule names one; the whole is overwritten then. */
function pick(match: Match, fetched: Taken): Taken | ProviderError {
  if (match.rule.field === undefined && match.rule.fallback === undefined) return fetched
  const { field, key, provider } = placesOf(match)[fetched.served?.place ?? 0] ?? match.rule
  if (field === undefined) return fetched
  const text = fetched.value.isText ? pickField(fetched.value.reveal().toString('utf8'), field) : undefined
  fetched.value.wipe()
  if (text === undefined) {
    // Not *missing*: what is held stays, since a value in another shape is a mistake rather than a deletion.
    const message = `${provider}: the value of "${key}" is no JSON with a field "${field}"`
    return new ProviderError('unavailable', 'malformed', message)
  }
  return { ...fetched, value: SecretValue.fromText(text) }
}
