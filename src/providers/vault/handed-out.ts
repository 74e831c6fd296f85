import type { Clock, Lease } from '../../secrets/provider.ts'
import type { Token } from './token.ts'

export interface Out {
  readonly key: string
  /** The lease ends with the token at the latest. */
  readonly token: Token
  /** Milliseconds that it was for at first: what a renewal asks for again. */
  readonly firstMs: number
  /** On the monotonic clock. */
  readonly endsAt: number
}

/** More than this are no longer kept account of, the oldest first: they end by themselves. */
const most = 100_000

/** How many there are when what is over is first looked for; then when there are twice as many as were left. */
const firstSweep = 1_000

/** The leases that were handed out and may be alive: to be renewed, to be revoked, or to end with their token. */
export class HandedOut {
  readonly #clock: Clock
  readonly #all = new Map<string, Out>()
  #sweepAt = firstSweep

  constructor(clock: Clock) {
    this.#clock = clock
  }

  add(key: string, { id, durationMs }: Lease, token: Token, askedAt: number): void {
    if (id === undefined) return
    this.#prune()
    this.#all.set(id, { key, token, firstMs: durationMs, endsAt: askedAt + durationMs })
  }

  get(id: string): Out | undefined {
    return this.#all.get(id)
  }

  renewed(id: string, durationMs: number, askedAt: number): void {
    const out = this.#all.get(id)
    if (out !== undefined) this.#all.set(id, { ...out, endsAt: askedAt + durationMs })
  }

  isOver(id: string): void {
    this.#all.delete(id)
  }

  /** Whether anything that is alive hangs on the token. */
  hangsOn(token: Token): boolean {
    return this.#alive().some(([, out]) => out.token === token)
  }

  /** The keys of what is alive and hangs on the token. */
  keysOn(token: Token): Set<string> {
    return new Set(
      this.#alive()
        .filter(([, out]) => out.token === token)
        .map(([, { key }]) => key),
    )
  }

  /** By id, what is alive. */
  all(): [string, Out][] {
    return [...this.#alive()]
  }

  #alive(): IteratorObject<[string, Out]> {
    const now = this.#clock.now()
    return this.#all.entries().filter(([, { endsAt }]) => endsAt > now)
  }

  #prune(): void {
    if (this.#all.size < this.#sweepAt) return
    const now = this.#clock.now()
    for (const [id, { endsAt }] of this.#all) if (endsAt <= now) this.#all.delete(id)
    for (const id of this.#all.keys()) {
      if (this.#all.size < most) break
      this.#all.delete(id)
    }
    this.#sweepAt = Math.min(Math.max(firstSweep, 2 * this.#all.size), most)
  }
}
