import type { StringSource } from '../../config/source.ts'
import type { Clock } from '../../secrets/provider.ts'
import type { VaultClient } from './client.ts'
import { unavailable } from './failure.ts'
import { Liveness } from './liveness.ts'
import { unlessAborted } from './pauses.ts'
import { Renewal } from './renewal.ts'
import type { Session } from './session.ts'
import { isTokenText, Token } from './token.ts'

export interface GivenSessionOptions {
  readonly client: VaultClient
  readonly clock: Clock
  readonly random: () => number
  readonly source: StringSource
  readonly warn: (message: string) => void
}

/**
 * A token that was made elsewhere: what its source holds at each use, so that whoever replaces it, an agent say, need
 * tell nobody. It is looked up once, beside the first use, to know when to renew it.
 */
export class GivenSession implements Session {
  onReplaced: (former: Token) => void = () => {}
  readonly owned: Iterable<Token> = []
  readonly #options: GivenSessionOptions
  readonly #liveness: Liveness
  #current: Token | undefined
  #renewal: Renewal | undefined
  #isClosed = false

  constructor(options: GivenSessionOptions) {
    this.#options = options
    this.#liveness = new Liveness(options.client, options.clock)
  }

  async token(signal: AbortSignal): Promise<Token> {
    const { client, clock, source } = this.#options
    const text = await unlessAborted(client.read(source, 'auth.token'), signal, this.#place)
    if (this.#current?.isText(text)) return this.#current
    if (!isTokenText(text)) {
      throw unavailable(this.#place, 'credential', `auth.token, from ${source.describe()}, is no token.`)
    }
    const life = { ttlMs: 0, renewable: false }
    const token = new Token({ text, obtainedAt: clock.now(), isRevocable: false, ...life })
    const former = this.#current
    this.#current = token
    this.#renewal?.stop()
    void this.#inspect(token)
    if (former !== undefined) this.onReplaced(former)
    return token
  }

  async refused(token: Token, signal: AbortSignal): Promise<Token | 'denied' | 'dead'> {
    const now = await this.token(signal)
    if (now !== token) return now
    return (await unlessAborted(this.#liveness.isAlive(token), signal, this.#place)) ? 'denied' : 'dead'
  }

  describeDead(token: Token): string {
    const over = token.isOver(this.#options.clock.now()) ? 'has expired' : 'has expired or was revoked'
    return `the token from ${this.#options.source.describe()} ${over}. Put a new one there.`
  }

  async refusedAgain(): Promise<void> {}

  isCurrent(token: Token): boolean {
    return this.#current === token
  }

  close(): void {
    this.#isClosed = true
    this.#renewal?.stop()
    this.#liveness.close()
  }

  get #place(): string {
    return this.#options.client.place({ path: 'auth/token/lookup-self' })
  }

  /** Nobody waits for it: a token that cannot be looked up may do for what it is used for, and is not renewed. */
  async #inspect(token: Token): Promise<void> {
    const isAlive = await this.#liveness.isAlive(token).catch(() => false)
    if (!isAlive || this.#current !== token || this.#isClosed) return
    const { client, clock, random, source, warn } = this.#options
    const spent = (): void => {
      const left = Math.max(Math.round((token.endsAt - clock.now()) / 1000), 0)
      warn(
        `the token from ${source.describe()} ends in ${left} s and cannot be renewed any further: put a new one there.`,
      )
    }
    this.#renewal = new Renewal({ client, clock, random, token, spent })
    this.#renewal.start()
  }
}
