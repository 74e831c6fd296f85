import type { StringSource } from '../../config/source.ts'
import { type Clock, ProviderError, type Timer } from '../../secrets/provider.ts'
import type { VaultClient } from './client.ts'
import { unavailable } from './failure.ts'
import { Liveness } from './liveness.ts'
import { unlessAborted } from './pauses.ts'
import { Renewal } from './renewal.ts'
import type { Session } from './session.ts'
import { isTokenText, Token } from './token.ts'

/** Milliseconds after a look-up that brought no answer before the next, doubling. */
const firstBackoff = 1_000
const longestBackoff = 60_000
/** Milliseconds between looks at the source while leases hang on the token, and may die with it unseen. */
const lookEvery = 60_000

export interface GivenSessionOptions {
  readonly client: VaultClient
  readonly clock: Clock
  readonly random: () => number
  readonly source: StringSource
  readonly warn: (message: string) => void
  /** Whether anything that was handed out lives only as long as this token. */
  readonly isNeeded: (token: Token) => boolean
}

/**
 * A token that was made elsewhere: what its source holds at each use, so that whoever replaces it, an agent say, need
 * tell nobody. It is looked up beside the first use, until there is an answer, to know when to renew it.
 */
export class GivenSession implements Session {
  onReplaced: (former: Token) => void = () => {}
  readonly owned: Iterable<Token> = []
  readonly #options: GivenSessionOptions
  readonly #liveness: Liveness
  readonly #ended = new AbortController()
  #current: Token | undefined
  #renewal: Renewal | undefined
  /** The next look-up, where the last had no answer. */
  #retry: Timer | undefined
  #look: Timer | undefined

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
    this.#renewal = undefined
    this.#retry?.cancel()
    void this.#inspect(token, 0)
    if (former === undefined) this.#watchSource()
    if (former !== undefined) this.onReplaced(former)
    return token
  }

  async refused(token: Token, signal: AbortSignal): Promise<Token | 'denied' | 'dead'> {
    const now = await this.token(signal)
    if (now !== token) return now
    const isAlive = await unlessAborted(this.#liveness.isAlive(token), signal, this.#place)
    if (isAlive) this.#keepAlive(token)
    return isAlive ? 'denied' : 'dead'
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
    this.#ended.abort()
    this.#renewal?.stop()
    this.#retry?.cancel()
    this.#look?.cancel()
    this.#liveness.close()
  }

  get #place(): string {
    return this.#options.client.place({ path: 'auth/token/lookup-self' })
  }

  /**
   * Nobody waits for it: a token that may not look itself up may do for what it is used for, and is not renewed. Where
   * there is no answer it is asked again, for a token that is never renewed ends without a word.
   */
  async #inspect(token: Token, failures: number): Promise<void> {
    try {
      if (await this.#liveness.isAlive(token)) this.#keepAlive(token)
    } catch (error) {
      if (!this.#isOurs(token) || this.#renewal !== undefined) return
      const { clock, random } = this.#options
      const backoff = Math.min(firstBackoff * 2 ** failures, longestBackoff) * (0.5 + random() / 2)
      const asked = error instanceof ProviderError ? (error.retryAfterMs ?? 0) : 0
      const again = (): void => void this.#inspect(token, failures + 1)
      this.#retry = clock.setTimer(again, Math.max(backoff, asked))
    }
  }

  /** By whichever look-up first told of its life. */
  #keepAlive(token: Token): void {
    if (!this.#isOurs(token) || this.#renewal !== undefined) return
    this.#retry?.cancel()
    const { client, clock, random } = this.#options
    this.#renewal = new Renewal({ client, clock, random, token, spent: () => void this.#spent(token) })
    this.#renewal.start()
  }

  async #spent(token: Token): Promise<void> {
    // Whoever replaces it may have done so already.
    await this.#lookAtSource()
    if (!this.#isOurs(token)) return
    const { clock, source, warn } = this.#options
    const left = Math.max(Math.round((token.endsAt - clock.now()) / 1000), 0)
    warn(
      `the token from ${source.describe()} ends in ${left} s and cannot be renewed any further: put a new one there.`,
    )
  }

  /** Else a new token is seen by the next request only, long after the leases have died that hung on the former. */
  #watchSource(): void {
    const { source, clock, isNeeded } = this.#options
    const spec = source.toJSON()
    if (this.#ended.signal.aborted || typeof spec === 'string' || !('file' in spec)) return
    this.#look = clock.setTimer(() => {
      const isWanted = this.#current !== undefined && isNeeded(this.#current)
      void (isWanted ? this.#lookAtSource() : Promise.resolve()).then(() => this.#watchSource())
    }, lookEvery)
  }

  /** What is wrong with the source is told to whoever asks for something. */
  async #lookAtSource(): Promise<void> {
    await this.token(this.#ended.signal).catch(() => {})
  }

  #isOurs(token: Token): boolean {
    return this.#current === token && !this.#ended.signal.aborted
  }
}
