import type { Ask } from './ask.ts'
import { discard } from './brought.ts'
import type { SecretCache } from './cache.ts'
import type { Chain } from './chain.ts'
import { Baseless, confirmable } from './confirmation.ts'
import type { Began } from './intake.ts'
import { Intake } from './intake.ts'
import type { SecretsObserver } from './observer.ts'
import type { RunOutcome } from './outcome.ts'
import { firstError } from './outcome.ts'
import type { Lease } from './provider.ts'
import { ProviderError } from './provider.ts'
import type { Rules } from './rules.ts'
import type { Unit } from './unit.ts'
import type { UnitSource } from './unit-source.ts'

/** What a call brought: whoever asked for it does one of the two. */
export interface Arrival {
  /** Takes it into the cache. */
  readonly take: (began: Began) => RunOutcome
  /** Overwrites it instead, where there is something to overwrite. */
  readonly drop?: () => void
}

export interface ArrivalsOptions {
  readonly rules: Rules
  readonly cache: SecretCache
  readonly observer: SecretsObserver
  /** A source has listed its keys. */
  readonly listed: (source: UnitSource, keys: readonly string[]) => void
}

/** Asks a unit's source, and knows what is to be done with what it says. */
export class Arrivals {
  readonly #cache: SecretCache
  readonly #observer: SecretsObserver
  readonly #intake: Intake
  readonly #listed: ArrivalsOptions['listed']
  #rules: Rules

  constructor({ rules, cache, observer, listed }: ArrivalsOptions) {
    this.#rules = rules
    this.#listed = listed
    this.#cache = cache
    this.#observer = observer
    this.#intake = new Intake(rules, cache, observer)
  }

  /** Other rules hold from now on. */
  apply(rules: Rules): void {
    this.#rules = rules
    this.#intake.apply(rules)
  }

  async fetch(unit: Unit, ask: Ask): Promise<Arrival> {
    const { source, key } = unit
    if (unit.listsKeys) return await this.#listKeys(unit, ask)
    if (key === undefined) {
      const answer = await source.fetchAll(ask)
      const take = this.#surely(unit, (began) => this.#intake.takeList(unit, answer, began))
      return { take, drop: () => discard(answer) }
    }
    let offered: string | undefined
    const held = (): string | undefined => {
      offered = confirmable(unit, this.#cache)
      return offered
    }
    const brought = await source.fetch(key, { ...ask, held })
    if (brought instanceof Baseless) unit.isDoubted = true
    const take = this.#surely(unit, (began) => {
      const outcome = this.#intake.takeKey(unit, brought, began, offered)
      // The backend has moved on from what is held: it may confirm nothing until what it has can be taken in.
      if ('value' in brought && firstError(outcome) !== undefined) unit.isDoubted = true
      return outcome
    })
    return { take, drop: () => discard(brought) }
  }

  /** What is held is none the worse for what a list of keys lacks: that is asked for by key when its time has come. */
  async #listKeys(unit: Unit, ask: Ask): Promise<Arrival> {
    const { source } = unit
    const patterns = new Set(this.#rules.patternsOf(source.name).map(({ key }) => key))
    const answer = await source.listKeys([...patterns], ask)
    const take = this.#surely(unit, () => {
      const secrets = new Map<string, never>()
      if (answer instanceof ProviderError) return { secrets, failure: answer }
      this.#listed(source, answer)
      return { secrets }
    })
    return { take }
  }

  /** A value of a place that comes before the one whose lease is held; undefined where none of them has any. */
  async regain(unit: Unit, chain: Chain, ask: Ask): Promise<Arrival | undefined> {
    const brought = await chain.regain(ask)
    if (brought === undefined) return undefined
    const take = this.#surely(unit, (began) => this.#intake.takeKey(unit, brought, began))
    return { take, drop: () => discard(brought) }
  }

  /** What is held lasts for the renewed lease from then on; it is never dropped for a failure. */
  async renew(unit: Unit, lease: Lease, ask: Ask): Promise<Arrival> {
    const { source, key } = unit
    if (key === undefined) return this.fetch(unit, ask)
    const renewed = await source.renew(key, lease, ask)
    if (renewed instanceof ProviderError) return { take: () => ({ secrets: new Map(), failure: renewed }) }
    const take = this.#surely(unit, (began) => {
      const secrets = new Map<string, 'unchanged'>()
      for (const match of unit.matches.values()) {
        // One that came to this key meanwhile holds nothing that was renewed.
        if (this.#cache.entry(match.name)?.held === undefined) continue
        this.#cache.renewed(match, renewed, began)
        secrets.set(match.name, 'unchanged')
      }
      return { secrets }
    })
    return { take }
  }

  /**
   * An answer comes from outside, and nobody can foresee all that it may be: whatever goes wrong with it is a failure of
   * this unit's run, to be tried again with backoff, and not the end of the process. What is held by then stays.
   */
  #surely({ source }: Unit, take: Arrival['take']): Arrival['take'] {
    return (began) => {
      try {
        return take(began)
      } catch (thrown) {
        const provider = source.name
        this.#observer.broke({ provider, thrown })
        const message = `what ${provider} brought could not be taken in, by a fault of Sidekeep`
        return { secrets: new Map(), failure: new ProviderError('unavailable', 'internal', message) }
      }
    }
  }
}
