import type { Glob } from '../secrets/glob.ts'

/** What a caller may do with the secrets it may know of, and `control`: with the sidecar (`rights` in the configuration). */
export type Right = 'read' | 'list' | 'refresh' | 'watch' | 'control'

export interface CallerOptions {
  /** As the configuration names it; undefined where a listener has no callers. */
  readonly name: string | undefined
  /** The listener, as the configuration writes its address. */
  readonly listener: string
  readonly rights: readonly Right[]
  /** Which secrets it may know of; undefined: all. */
  readonly allows: Glob | undefined
  /** How many requests a second it may make on average; undefined: as many as it likes. */
  readonly limit: number | undefined
}

/**
 * Who a request comes from. One object for each token, or for a listener without callers, as long as nothing of it
 * changes: whoever keeps one for longer than a request (a stream, a caller who waits) is told when it is over.
 */
export class Caller {
  readonly name: string | undefined
  readonly listener: string
  readonly #rights: ReadonlySet<Right>
  readonly #allows: Glob | undefined
  readonly #onOver = new Set<() => void>()
  #limit: number | undefined
  #isOver = false

  constructor({ name, listener, rights, allows, limit }: CallerOptions) {
    this.name = name
    this.listener = listener
    this.#limit = limit
    this.#rights = new Set(rights)
    this.#allows = allows
  }

  has(right: Right): boolean {
    return this.#rights.has(right)
  }

  /** Whether a secret of this name is for it. Says nothing of whether there is one. */
  mayKnow(name: string): boolean {
    return this.#allows === undefined || this.#allows(name)
  }

  /** Whether every secret is for it. */
  get mayKnowAll(): boolean {
    return this.#allows === undefined
  }

  /** How many requests a second it may make on average; undefined: as many as it likes. */
  get limit(): number | undefined {
    return this.#limit
  }

  /** Another limit holds from its next request on, which is no reason to end what it was let in for. */
  limitTo(limit: number | undefined): void {
    this.#limit = limit
  }

  /** Its token is no longer valid, or its rights are others now. */
  get isOver(): boolean {
    return this.#isOver
  }

  /** Calls `fn` when it is over, which may be never; returns what takes that back. */
  whenOver(fn: () => void): () => void {
    this.#onOver.add(fn)
    return () => this.#onOver.delete(fn)
  }

  /** Whatever it was let in for ends. */
  end(): void {
    if (this.#isOver) return
    this.#isOver = true
    for (const fn of [...this.#onOver]) fn()
    this.#onOver.clear()
  }
}
