import type { Clock, Fetched, Lease, Provider } from '../../src/secrets/provider.ts'
import { ProviderError } from '../../src/secrets/provider.ts'
import { fetched } from './heart-backend.ts'

/** What a renewal is answered: a new duration in milliseconds, or why there is none. */
export type Renewal = number | ProviderError

/**
 * A backend that makes a credential at each fetch and lets it live for a time, as Vault's database engine does: it keeps
 * account of which of them are alive, so that a test can ask whether the one that is served still is.
 */
export class LeaseBackend implements Provider {
  readonly fetches: number[] = []
  readonly renewals: number[] = []
  /** How long a credential lives from its fetch on, in milliseconds. */
  durationMs: number
  renewable: boolean
  /** When it says that another is wanted, in milliseconds from a fetch. */
  replaceAfterMs: number | undefined
  fetching: () => ProviderError | undefined = () => undefined
  renewing: () => Renewal
  readonly #clock: Clock
  readonly #endsAt = new Map<string, number>()

  constructor(
    clock: Clock,
    options: { durationMs: number; renewable: boolean; replaceAfterMs?: number | undefined },
  ) {
    this.#clock = clock
    this.durationMs = options.durationMs
    this.renewable = options.renewable
    this.replaceAfterMs = options.replaceAfterMs
    this.renewing = () => this.durationMs
  }

  /** Whether the backend would let somebody in with this value now. */
  accepts(text: string): boolean {
    return this.#clock.now() <= (this.#endsAt.get(text) ?? Number.NEGATIVE_INFINITY)
  }

  async fetch(keys: readonly string[]): Promise<Map<string, Fetched | ProviderError>> {
    const answers = new Map<string, Fetched | ProviderError>()
    for (const key of keys) answers.set(key, this.#make(key))
    return answers
  }

  async renew(_key: string, lease: Lease): Promise<Lease> {
    this.renewals.push(this.#clock.now())
    const answer = this.renewing()
    if (answer instanceof ProviderError) throw answer
    if (lease.id !== undefined) this.#endsAt.set(lease.id, this.#clock.now() + answer)
    return { ...lease, durationMs: answer }
  }

  #make(key: string): Fetched | ProviderError {
    this.fetches.push(this.#clock.now())
    const error = this.fetching()
    if (error !== undefined) return error
    const text = `CANARY-${key}-${this.fetches.length}`
    this.#endsAt.set(text, this.#clock.now() + this.durationMs)
    const { durationMs, renewable, replaceAfterMs } = this
    // Its value serves as its lease's name: it is the test's own and no secret.
    return {
      ...fetched(text),
      version: `v${this.fetches.length}`,
      lease: { id: text, durationMs, renewable, ...(replaceAfterMs === undefined ? {} : { replaceAfterMs }) },
    }
  }
}
