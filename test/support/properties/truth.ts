import type { Behaviour, Whole } from './behaviour.ts'
import { fine, healthy, keys } from './behaviour.ts'

/** What is true at a backend, whoever asks: it outlives the providers that speak to it. */
export class Truth {
  readonly name: string
  whole: Whole = fine
  latencyMs = 0
  readonly #behaviours = new Map<string, Behaviour>()
  readonly #generations = new Map<string, number>()
  #leases = 0

  constructor(name: string) {
    this.name = name
  }

  of(key: string): Behaviour {
    const isKnown = keys.some((each) => each === key)
    return this.#behaviours.get(key) ?? (isKnown ? healthy : { kind: 'missing' })
  }

  behave(key: string, behaviour: Behaviour): void {
    this.#behaviours.set(key, behaviour)
  }

  /** @param by 1: a rotation; -1: an older version than before */
  rotate(key: string, by: number): void {
    this.#generations.set(key, Math.max(1, this.generation(key) + by))
  }

  generation(key: string): number {
    return this.#generations.get(key) ?? 1
  }

  /** Each fetch of a leased key makes another credential. */
  nextLease(): number {
    this.#leases += 1
    return this.#leases
  }

  /** The shortest life that it gives a value, in milliseconds; infinite where it gives none. */
  get shortestLife(): number {
    let life = Number.POSITIVE_INFINITY
    for (const behaviour of this.#behaviours.values()) {
      if (behaviour.kind === 'leased') life = Math.min(life, behaviour.durationMs)
      if (behaviour.kind === 'value') life = Math.min(life, behaviour.ttlMs ?? life)
    }
    return Math.max(1_000, life)
  }

  heal(): void {
    this.whole = fine
    this.latencyMs = 0
    this.#behaviours.clear()
  }
}
