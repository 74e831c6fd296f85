import type { ProviderContext, ProviderError } from '../../../secrets/provider.ts'
import type { Verb } from '../refusal.ts'

/** Milliseconds between two warnings of the same trouble. */
const hour = 60 * 60_000

/** Tells people, once and not for each of many Secrets, that changes are noticed later than they could be. */
export class Troubles {
  readonly #context: ProviderContext
  readonly #denied = new Set<Verb>()
  #brokenAt = Number.NEGATIVE_INFINITY

  constructor(context: ProviderContext) {
    this.#context = context
  }

  /** Reading goes on, without being told of changes. */
  denied(verb: Verb, { message }: ProviderError): void {
    if (this.#denied.has(verb)) return
    this.#denied.add(verb)
    this.#context.warn(
      `${message} Without the verb ${verb} changes are noticed by refresh alone; watch: false says that it is meant so.`,
    )
  }

  /** Watches fail again and again. */
  broken({ message }: ProviderError): void {
    const now = this.#context.clock.now()
    if (now - this.#brokenAt < hour) return
    this.#brokenAt = now
    this.#context.warn(`${message} The watch fails again and again: changes are noticed by refresh alone.`)
  }

  /** More Secrets are read than may be watched. */
  crowded(maxWatches: number): void {
    this.#context.warn(
      `provider "${this.#context.name}": more than ${maxWatches} Secrets are read by name (maxWatches): changes of ` +
        'the further ones are noticed by refresh alone. Set selector, or raise maxWatches.',
    )
  }
}
