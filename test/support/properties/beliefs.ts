import type { Lease } from '../../../src/secrets/provider.ts'
import type { Rule } from '../../../src/secrets/rules.ts'
import type { Said } from './model-provider.ts'

/** A lease or a ttl that is shorter, in milliseconds, is taken for one of it. */
const shortest = 1_000
/** The part of a lease after which a value is stale. */
const freshShare = 0.95

interface Value {
  readonly text: string
  /** When the question was asked that brought or confirmed it, on the monotonic clock. */
  readonly at: number
  readonly ttlMs: number | undefined
  readonly lease: Lease | undefined
}

/** What follows of all that a provider has said of a secret. */
export interface Belief {
  readonly value: Value | undefined
  readonly isMissing: boolean
}

export const unheard: Belief = { value: undefined, isMissing: false }
const isGone: Belief = { value: undefined, isMissing: true }

/** What callers must be told: the table of `design.md` once more, from what the backends have said. */
export class Beliefs {
  readonly #beliefs = new Map<string, Belief>()

  of(name: string): Belief {
    return this.#beliefs.get(name) ?? unheard
  }

  set(name: string, belief: Belief): void {
    this.#beliefs.set(name, belief)
  }

  /** A provider has answered, at the place that the rule names. */
  hear(name: string, { field }: Rule, said: Said, at: number): void {
    if (said.said === 'missing') this.set(name, isGone)
    if (said.said !== 'value') return
    const text = field === undefined ? said.text : fieldOf(said.text)
    if (text === undefined) return
    this.set(name, { value: { text, at, ttlMs: said.ttlMs, lease: said.lease }, isMissing: false })
  }

  /** A lease was renewed: what came with it lives on from the question on. */
  renew(name: string, id: string, lease: Lease, at: number): void {
    const { value } = this.of(name)
    if (value?.lease?.id !== id) return
    this.set(name, { value: { ...value, at, ttlMs: value.ttlMs, lease }, isMissing: false })
  }

  /** In the words of `inWords`. */
  expected(name: string, rule: Rule, now: number): string {
    const { value, isMissing } = this.of(name)
    if (value === undefined) return isMissing ? 'not-found' : 'not-loaded'
    const { freshMs, servedMs } = livesFor(value, rule)
    const age = now - value.at
    if (age > servedMs) return 'expired'
    return `${age > freshMs ? 'stale' : 'fresh'} ${value.text}`
  }
}

/** For how long a value is fresh and for how long it is served, in milliseconds. */
export function livesFor(
  { ttlMs, lease }: Pick<Value, 'ttlMs' | 'lease'>,
  rule: Rule,
): { freshMs: number; servedMs: number } {
  if (lease !== undefined) {
    const servedMs = Math.max(shortest, lease.durationMs)
    return { freshMs: servedMs * freshShare, servedMs }
  }
  const freshMs = Math.min(rule.refreshMs, ttlMs === undefined ? rule.refreshMs : Math.max(shortest, ttlMs))
  return { freshMs, servedMs: rule.maxStaleMs }
}

function fieldOf(text: string): string | undefined {
  return text.startsWith('{') ? JSON.parse(text).f : undefined
}
