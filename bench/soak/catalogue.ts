/** Rules of the configuration, the keys of the backends behind them, and what the oracle knows of both. */
import type { Store } from './store.ts'
import type { Subject } from './subject.ts'
import type { Timeline } from './timeline.ts'
import type { Shape } from './values.ts'

export interface Rule {
  readonly name: string
  readonly provider: string
  readonly key?: string
  readonly field?: string
  readonly refresh: string
  readonly maxStale: string
  readonly required?: boolean
}

export interface Kept {
  readonly shape?: Shape
  /** Whether the backend names versions of it. */
  readonly versioned?: boolean
  /** In seconds: the value lives for that long, and neither `refresh` nor `maxStale` applies. */
  readonly lease?: number
}

export class Catalogue {
  readonly rules: Rule[] = []
  readonly subjects: Subject[] = []
  readonly #storeOf: (provider: string) => Store

  /** @param storeOf what a provider's backend has */
  constructor(storeOf: (provider: string) => Store) {
    this.#storeOf = storeOf
  }

  /** A secret with a rule of its own, and a key for it. */
  declare(rule: Rule, { shape = 'text', versioned = true, lease }: Kept = {}): void {
    this.rules.push(rule)
    const timeline = this.#storeOf(rule.provider).add(rule.key ?? rule.name, shape, versioned, lease)
    const leaseMs = lease === undefined ? undefined : lease * 1_000
    this.#know(rule, timeline, leaseMs === undefined ? {} : { refreshMs: leaseMs, maxStaleMs: leaseMs })
  }

  /** A further rule for a key that is there already. */
  alias(rule: Rule & { readonly key: string }): void {
    const timeline = this.#storeOf(rule.provider).timeline(rule.key)
    if (timeline === undefined) throw new Error(`no such key: ${rule.key}`)
    this.rules.push(rule)
    this.#know(rule, timeline)
  }

  /** A pattern, and some keys under it. */
  cover(rule: Rule, count: number): void {
    this.rules.push(rule)
    for (let at = 0; at < count; at += 1) {
      const name = rule.name.replace('*', String(at))
      const timeline = this.#storeOf(rule.provider).add(name, 'text', at % 2 === 0)
      this.#know({ ...rule, name }, timeline, { declared: false })
    }
  }

  /** A secret whose rule the configuration has in more than one form, or not always; `declare` would write it down. */
  varying(rule: Rule, more: Pick<Subject, 'comesAndGoes'> = {}): void {
    this.#know(rule, this.#storeOf(rule.provider).add(rule.name, 'text', true), more)
  }

  #know(rule: Rule, timeline: Timeline, more: Partial<Subject> = {}): void {
    this.subjects.push({
      name: rule.name,
      timeline,
      refreshMs: seconds(rule.refresh),
      maxStaleMs: seconds(rule.maxStale),
      declared: true,
      ...(rule.field === undefined ? {} : { field: rule.field }),
      ...more,
    })
  }
}

function seconds(duration: string): number {
  return Number.parseInt(duration, 10) * 1_000
}
