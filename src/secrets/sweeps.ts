import type { Clock } from './clock.ts'
import type { Match } from './rules.ts'

/** A call that brought everything that a provider has. */
interface Sweep {
  /** When it began, on the monotonic clock. */
  readonly at: number
  /** What it listed and is not held, being unfit or evicted: not missing, and so to be asked for again. */
  readonly unheld: Set<string>
}

/** What the last such call of each provider says of pattern secrets that are not held. */
export class Sweeps {
  readonly #clock: Clock
  #validMs: number
  readonly #last = new Map<string, Sweep>()

  /** @param validMs how long what a sweep did not list counts as missing, in milliseconds */
  constructor(clock: Clock, validMs: number) {
    this.#clock = clock
    this.#validMs = validMs
  }

  swept(provider: string, sweep: Sweep): void {
    this.#last.set(provider, sweep)
  }

  /** Whether a provider was ever swept. */
  has(provider: string): boolean {
    return this.#last.has(provider)
  }

  /** A secret that was held is no longer, although its provider has it. */
  evicted({ name, rule }: Match): void {
    this.#last.get(rule.provider)?.unheld.add(name)
  }

  /** Whether the secret's provider was swept lately and did not list it. */
  ruleOut({ name, rule }: Match): boolean {
    const sweep = this.#last.get(rule.provider)
    return sweep !== undefined && this.#clock.now() - sweep.at <= this.#validMs && !sweep.unheld.has(name)
  }

  /** Lists were not read for names that other rules had then: they rule nothing out any more. */
  outdate(): void {
    for (const [provider, { unheld }] of this.#last)
      this.#last.set(provider, { at: Number.NEGATIVE_INFINITY, unheld })
  }

  /** Other rules hold: only what providers listed whose patterns are still `kept` says anything by them. */
  keep(validMs: number, kept: (provider: string) => boolean): void {
    this.#validMs = validMs
    for (const provider of [...this.#last.keys()]) if (!kept(provider)) this.#last.delete(provider)
  }
}
