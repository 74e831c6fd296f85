import type { Match, Rules } from '../../../src/secrets/rules.ts'
import { isPattern } from '../../../src/secrets/rules.ts'
import { Beliefs, unheard } from './beliefs.ts'
import type { ProviderName } from './configuration.ts'
import { allNames } from './configuration.ts'
import type { LedgerCall } from './ledger.ts'
import { allKeys, everything } from './ledger.ts'
import { ListDoubts } from './list-doubts.ts'
import type { Heard, Said } from './model-provider.ts'

export interface Told {
  readonly rules: Rules
  /** Whether the cache holds a value of the secret, expired or not. */
  readonly holds: (name: string) => boolean
  /** On the monotonic clock. */
  readonly now: () => number
}

/** For how long it is remembered that a name is missing, in milliseconds. */
export const remembered = 10_000

/**
 * What callers must be told, from the answers that the heart has heard and the rules that held. Exact for what is
 * declared. What only a pattern covers may also be not held: until it was asked for, and after it was evicted.
 */
export class Oracle {
  readonly beliefs = new Beliefs()
  readonly #doubts = new ListDoubts()
  /** When it was heard last of a name that it is missing, or that a list that is believed lacks it. */
  readonly #missedAt = new Map<string, number>()
  /** Pattern secrets that may be not held, although their provider has a value. */
  readonly #optional = new Set<string>()
  /** Those that the last change of the rules gave another place, or none. */
  readonly #moved = new Set<string>()
  #told: Told

  constructor(told: Told) {
    this.#told = told
  }

  evicted(name: string): void {
    this.#optional.add(name)
  }

  hear(provider: ProviderName, heard: Heard): void {
    const { call } = heard
    if (heard.what === 'renewal') {
      if (call.orphaned.has(heard.key)) return
      for (const { name } of this.#at(provider, heard.key))
        this.beliefs.renew(name, heard.id, heard.lease, call.at)
    } else if (heard.what === 'list') {
      if (!call.orphaned.has(everything)) this.#hearList(provider, heard)
    } else {
      for (const [key, said] of heard.answers) {
        if (call.orphaned.has(key)) continue
        for (const match of this.#at(provider, key)) {
          const isHeld = this.#told.holds(match.name)
          if (isPattern(match.rule.name) && !isHeld) this.#optional.add(match.name)
          // Of what is held from elsewhere, or not at all, a confirmation says nothing.
          if (heard.confirmed.has(key) && (!isHeld || call.moved.has(match.name))) continue
          this.#hear(match, said, call.at)
        }
      }
    }
  }

  /** What is wrong with what a caller is told of a secret, in the words of `inWords`; undefined where it is right. */
  offence(name: string, told: string, now: number): string | undefined {
    const match = this.#told.rules.find(name)
    const wrong = (right: string): string | undefined =>
      told === right ? undefined : `${name} is ${told}, not ${right}`
    if (match === undefined) return wrong('not-found')
    const expected = this.beliefs.expected(name, match.rule, now)
    if (!isPattern(match.rule.name)) return wrong(expected)
    if (this.#told.holds(name)) {
      this.#optional.delete(name)
      return wrong(expected)
    }
    const { value } = this.beliefs.of(name)
    if (value !== undefined) {
      if (!this.#optional.has(name)) return wrong(expected)
      this.beliefs.set(name, unheard)
    }
    if (told === 'not-found') {
      const missedAt = this.#missedAt.get(name) ?? Number.NEGATIVE_INFINITY
      return now - missedAt <= remembered ? undefined : `${name} is not found, and nobody said so`
    }
    return told === 'not-loaded' || told === 'undiscovered' ? undefined : wrong('unheld')
  }

  /** Other rules hold from now on. The cache has them already. */
  apply(rules: Rules): void {
    const before = this.#told.rules
    this.#moved.clear()
    this.#told = { ...this.#told, rules }
    for (const name of allNames) {
      const [old, now] = [before.find(name), rules.find(name)]
      const belief = this.beliefs.of(name)
      if (old === undefined || now === undefined || !isSameEntry(old, now)) this.#missedAt.delete(name)
      if (old === undefined || now === undefined || !isSamePlace(old, now)) this.#moved.add(name)
      if (now === undefined) this.beliefs.set(name, unheard)
      else if (belief.isMissing && !(old !== undefined && isSameEntry(old, now)))
        this.beliefs.set(name, unheard)
      else if (!this.#told.holds(name) && isPattern(now.rule.name)) this.#optional.add(name)
    }
    const asked = new Set(allNames.map((name) => rules.find(name)?.rule.provider))
    for (const { provider } of rules.patterns) asked.add(provider)
    for (const provider of ['p', 'q', 'r']) if (!asked.has(provider)) this.#doubts.forget(provider)
  }

  /** Marks what a call is for that is asked for no more: what it answers is for nobody, also if it is asked for again. */
  orphan(provider: ProviderName, call: LedgerCall, isAwaited: (name: string) => boolean): void {
    for (const name of this.#moved) call.moved.add(name)
    for (const place of call.places) {
      const isWanted = ({ name, rule }: Match): boolean =>
        !isPattern(rule.name) || place === everything || this.#told.holds(name) || isAwaited(name)
      const wanting = typeof place === 'string' ? this.#at(provider, place) : this.#of(provider)
      const isSwept = typeof place !== 'string' && this.#told.rules.patternsOf(provider).length > 0
      if ((place === allKeys || !wanting.some(isWanted)) && !isSwept) call.orphaned.add(place)
    }
  }

  #hearList(provider: ProviderName, { call, answers }: Extract<Heard, { what: 'list' }>): void {
    const { holds } = this.#told
    const matches = this.#of(provider)
    const held = new Set(matches.map(({ name }) => name).filter(holds))
    const absent = matches.filter(({ key }) => !answers.has(key))
    const vanished = new Set(absent.map(({ name }) => name).filter((name) => held.has(name)))
    const paces = absent.flatMap(({ name, rule }) => (vanished.has(name) ? [rule.refreshMs] : []))
    const intervalMs = Math.max(0, ...paces)
    const isBelieved = this.#doubts.believes({ provider, at: call.at, held, vanished, intervalMs })
    for (const match of matches) {
      const said = answers.get(match.key)
      if (said !== undefined) this.#hear(match, said, call.at)
      else if (isBelieved) this.#hear(match, { said: 'missing' }, call.at)
    }
  }

  #hear({ name, rule }: Match, said: Said, at: number): void {
    this.beliefs.hear(name, rule, said, at)
    if (said.said === 'missing') this.#missedAt.set(name, this.#told.now())
  }

  #of(provider: string): Match[] {
    return allNames.flatMap((name) => {
      const match = this.#told.rules.find(name)
      return match?.rule.provider === provider ? [match] : []
    })
  }

  #at(provider: string, key: string): Match[] {
    return this.#of(provider).filter((match) => match.key === key)
  }
}

/** Whether what is known to be missing stays so under other rules. */
function isSameEntry(a: Match, b: Match): boolean {
  return isSamePlace(a, b) && isPattern(a.rule.name) === isPattern(b.rule.name)
}

function isSamePlace(a: Match, b: Match): boolean {
  return a.rule.provider === b.rule.provider && a.key === b.key && a.rule.field === b.rule.field
}
