import type { Clock, Timer } from '../secrets/clock.ts'
import type { Standings } from '../secrets/standings.ts'

export interface DiscoveryOptions {
  /** Fetches a secret that only a pattern names, as for a caller. Never rejects. */
  readonly demand: (name: string) => Promise<unknown>
  readonly standings: Pick<Standings, 'of'>
  readonly clock: Clock
}

/** Has secrets fetched that a file names and the configuration only covers by a pattern: nobody else asks for those. */
export class Discovery {
  readonly #options: DiscoveryOptions
  readonly #asked = new Map<string, Set<() => void>>()
  readonly #timers = new Set<Timer>()
  #isOver = false

  constructor(options: DiscoveryOptions) {
    this.#options = options
  }

  /** @param known called when it was brought, or said to be missing, or is to be asked for again */
  ask(name: string, known: () => void): void {
    const others = this.#asked.get(name)
    if (others !== undefined) {
      others.add(known)
      return
    }
    this.#asked.set(name, new Set([known]))
    void this.#ask(name)
  }

  close(): void {
    this.#isOver = true
    for (const timer of this.#timers) timer.cancel()
    this.#timers.clear()
  }

  async #ask(name: string): Promise<void> {
    const { demand, standings, clock } = this.#options
    await demand(name)
    const standing = standings.of(name)
    if (standing.kind !== 'unknown') return this.#tell(name)
    if (this.#isOver) return
    const timer = clock.setTimer(() => {
      this.#timers.delete(timer)
      this.#tell(name)
    }, standing.retryAfterMs)
    this.#timers.add(timer)
  }

  #tell(name: string): void {
    const waiting = this.#asked.get(name) ?? []
    this.#asked.delete(name)
    if (!this.#isOver) for (const known of waiting) known()
  }
}
