import type { SecretCache } from './cache.ts'
import { pickField } from './field.ts'
import type { RunOutcome, SecretOutcome } from './outcome.ts'
import type { Fetched } from './provider.ts'
import { ProviderError } from './provider.ts'
import type { Match, Rules } from './rules.ts'
import { SecretValue } from './secret.ts'
import type { Brought } from './source.ts'
import type { Unit } from './unit.ts'

/** A provider's ttl below this, in milliseconds, would have us ask without pause. */
const shortestTtl = 1_000

/** When a call began, on the monotonic clock and on the wall clock: what it brought is as old as the question. */
export interface Began {
  readonly at: number
  readonly atWall: number
}

/** Takes what a call brought into the cache: which secrets it means, and what each of them makes of it. */
export class Intake {
  readonly #rules: Rules
  readonly #cache: SecretCache

  constructor(rules: Rules, cache: SecretCache) {
    this.#rules = rules
    this.#cache = cache
  }

  /** One key was asked for. */
  takeKey(unit: Unit, brought: Brought, began: Began): RunOutcome {
    const secrets = new Map<string, SecretOutcome>()
    for (const match of unit.matches.values()) secrets.set(match.name, this.#take(match, brought, began))
    return { secrets }
  }

  /** A list was asked for: the declared secrets, those that it discovers, and those it named before and no longer does. */
  takeList(unit: Unit, answer: ReadonlyMap<string, Brought> | ProviderError, began: Began): RunOutcome {
    const secrets = new Map<string, SecretOutcome>()
    if (answer instanceof ProviderError) return { secrets, failure: answer }
    const provider = unit.source.name
    const take = (match: Match, brought: Brought): void => {
      secrets.set(match.name, this.#take(match, brought, began))
    }
    for (const match of unit.matches.values()) take(match, answer.get(match.key) ?? notListed(match))
    for (const [key, brought] of answer) {
      for (const match of this.#rules.discover(provider, key)) take(match, brought)
    }
    for (const match of this.#cache.discovered(provider)) {
      if (!secrets.has(match.name)) take(match, notListed(match))
    }
    this.#cache.swept(provider, began.at, listed(secrets))
    return { secrets }
  }

  #take(match: Match, brought: Brought, { at, atWall }: Began): SecretOutcome {
    const picked = brought instanceof ProviderError ? brought : pick(match, brought)
    if (picked instanceof ProviderError) {
      if (picked.kind !== 'missing') return picked
      this.#cache.drop(match)
      return 'missing'
    }
    const ttlMs = Math.max(shortestTtl, picked.ttlMs ?? Number.POSITIVE_INFINITY)
    const outcome = this.#cache.store(match, picked, {
      at,
      atWall,
      freshMs: Math.min(match.rule.refreshMs, ttlMs),
    })
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

/** The rule's field of what was fetched, where the rule names one. */
function pick({ rule, key }: Match, fetched: Fetched): Fetched | ProviderError {
  if (rule.field === undefined) return fetched
  const text = fetched.value.isText
    ? pickField(fetched.value.reveal().toString('utf8'), rule.field)
    : undefined
  if (text === undefined) {
    // Not *missing*: what is held stays, since a value in another shape is a mistake rather than a deletion.
    const message = `${rule.provider}: the value of "${key}" is no JSON with a field "${rule.field}"`
    return new ProviderError('unavailable', 'malformed', message)
  }
  return { ...fetched, value: SecretValue.fromText(text) }
}
