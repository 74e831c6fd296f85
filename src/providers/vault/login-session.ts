import type { Clock, Timer } from '../../secrets/provider.ts'
import { ProviderError } from '../../secrets/provider.ts'
import type { VaultClient } from './client.ts'
import { unavailable } from './failure.ts'
import { Liveness } from './liveness.ts'
import type { LogIn } from './login/method.ts'
import { unlessAborted } from './pauses.ts'
import { Renewal } from './renewal.ts'
import type { Session } from './session.ts'
import type { Token } from './token.ts'

/**
 * Milliseconds that a token has to be old before a denial is a reason to log in anew, in case the policies of the role
 * have changed: a denied path must not cause a login each time that it is asked for.
 */
const oldEnough = 10 * 60_000
/** It doubles up to this where another login changed nothing: each leaves a token behind that lives on at the server. */
const longestPatience = 60 * 60_000
/** And for which a login that changed nothing is not tried again because of a denial. */
const futileFor = 5 * 60_000
/** Milliseconds after a failed login before the next, doubling. */
const firstBackoff = 1_000
const longestBackoff = 30_000

/** How many tokens in a row may die early before the next login has to wait. */
const earlyDeaths = 3

export interface LoginSessionOptions {
  readonly client: VaultClient
  readonly clock: Clock
  readonly random: () => number
  readonly logIn: LogIn
  readonly warn: (message: string) => void
  /** Whether anything that was handed out lives only as long as this token. */
  readonly isNeeded: (token: Token) => boolean
}

/** Tokens that are logged in for: one login at a time, whoever wants it. */
export class LoginSession implements Session {
  onReplaced: (former: Token) => void = () => {}
  readonly #options: LoginSessionOptions
  readonly #liveness: Liveness
  readonly #ended = new AbortController()
  readonly #owned = new Set<Token>()
  #current: Token | undefined
  #renewal: Renewal | undefined
  #loggingIn: Promise<Token> | undefined
  #failure: { readonly error: ProviderError; readonly until: number } | undefined
  #failures = 0
  #futileUntil = Number.NEGATIVE_INFINITY
  #patience = oldEnough
  /** The last token that a denial was blamed on: many keys may be denied with one. */
  #blamed: Token | undefined
  #retry: Timer | undefined
  /** The last token that was found dead when it was used. */
  #foundDead: Token | undefined
  /** How many in a row were found dead before half of their life was over. */
  #early = 0
  #hasWarned = false

  constructor(options: LoginSessionOptions) {
    this.#options = options
    this.#liveness = new Liveness(options.client, options.clock)
  }

  get owned(): Iterable<Token> {
    return this.#owned
  }

  async token(signal: AbortSignal): Promise<Token> {
    if (this.#current !== undefined && !this.#current.isOver(this.#now)) return this.#current
    return await this.#waitFor(this.#logIn(), signal)
  }

  describeDead(): string {
    return 'the token is dead.'
  }

  async refused(token: Token, signal: AbortSignal): Promise<Token | 'denied'> {
    if (this.#current !== token) return await this.token(signal)
    const isAlive = await this.#waitFor(this.#liveness.isAlive(token), signal)
    if (this.#current !== token) return await this.token(signal)
    const isOld = this.#now - token.obtainedAt >= this.#patience
    if (isAlive && (!isOld || this.#options.isNeeded(token))) return 'denied'
    if (!isAlive && this.#now < this.#futileUntil) return 'denied'
    if (!isAlive) this.#foundDead = token
    return await this.#waitFor(this.#logIn(), signal)
  }

  async refusedAgain(token: Token): Promise<void> {
    // Where a new token looks dead, it is one that may not look itself up, and dead and denied cannot be told apart.
    const isAlive = await this.#liveness.isAlive(token).catch(() => true)
    if (!isAlive) {
      this.#futileUntil = this.#now + futileFor
      this.#early = 0
    } else if (this.#blamed !== token) this.#patience = Math.min(this.#patience * 2, longestPatience)
    this.#blamed = token
  }

  isCurrent(token: Token): boolean {
    return this.#current === token
  }

  close(): void {
    this.#ended.abort()
    this.#renewal?.stop()
    this.#retry?.cancel()
    this.#liveness.close()
  }

  get #now(): number {
    return this.#options.clock.now()
  }

  #waitFor<T>(work: Promise<T>, signal: AbortSignal): Promise<T> {
    return unlessAborted(work, signal, this.#options.client.place({ method: 'POST', path: 'auth' }))
  }

  #logIn(): Promise<Token> {
    if (this.#loggingIn !== undefined) return this.#loggingIn
    if (this.#failure !== undefined && this.#now < this.#failure.until) {
      return Promise.reject(this.#failure.error)
    }
    const loggingIn = this.#attempt().finally(() => {
      this.#loggingIn = undefined
    })
    this.#loggingIn = loggingIn
    // Whoever waits may have given up.
    loggingIn.catch(() => {})
    return loggingIn
  }

  /** Not by the signal of any caller: what a login uses up (a wrapped secret id) would be lost with the one who gave up. */
  async #attempt(): Promise<Token> {
    try {
      const token = await this.#options.logIn(this.#ended.signal)
      this.#failure = undefined
      this.#failures = 0
      this.#countEarly(this.#current)
      this.#take(token)
      return token
    } catch (error) {
      if (error instanceof ProviderError) this.#note(error)
      throw error
    }
  }

  /** A backend that has just refused is not asked again at once, however many want it: they are told the same. */
  #note(error: ProviderError): void {
    // What is read here costs the server nothing, and may be there the next moment.
    if (error.reason === 'aborted' || error.reason === 'credential') return
    const { random } = this.#options
    const backoff = Math.min(firstBackoff * 2 ** this.#failures++, longestBackoff) * (0.5 + random() / 2)
    this.#failure = { error, until: this.#now + Math.max(backoff, error.retryAfterMs ?? 0) }
  }

  /** Logins that succeed are no reason to make one for each request: each is work for the server, and a token. */
  #countEarly(former: Token | undefined): void {
    const life = former === undefined || former.firstMs === 0 ? 2 * oldEnough : former.firstMs
    const isEarly =
      former !== undefined && former === this.#foundDead && this.#now - former.obtainedAt < life / 2
    this.#early = isEarly ? this.#early + 1 : 0
    this.#foundDead = undefined
    if (this.#early < earlyDeaths) return
    const { client, random, warn } = this.#options
    const words = `${this.#early} tokens in a row died long before their end, so the next login waits. Has the role token_num_uses? Set it to 0; else see who revokes them.`
    const backoff = Math.min(firstBackoff * 2 ** (this.#early - earlyDeaths), longestBackoff)
    const wait = backoff * (0.5 + random() / 2)
    const place = client.place({ method: 'POST', path: 'auth' })
    this.#failure = { error: unavailable(place, 'status', words, wait), until: this.#now + wait }
    if (!this.#hasWarned) warn(words)
    this.#hasWarned = true
  }

  #take(token: Token): void {
    const former = this.#current
    this.#renewal?.stop()
    this.#retry?.cancel()
    this.#current = token
    for (const owned of this.#owned) if (owned.isOver(this.#now)) this.#owned.delete(owned)
    this.#owned.add(token)
    if (this.#ended.signal.aborted) return
    const { client, clock, random } = this.#options
    this.#renewal = new Renewal({ client, clock, random, token, spent: () => this.#replace(token) })
    this.#renewal.start()
    if (former !== undefined) this.onReplaced(former)
  }

  /** Logs in while the token is good still; again and again, as the backoff says, until it is not. */
  #replace(token: Token): void {
    if (this.#ended.signal.aborted || this.#current !== token || token.isOver(this.#now)) return
    this.#logIn().catch(() => {
      if (this.#ended.signal.aborted) return
      const wait = Math.max((this.#failure?.until ?? 0) - this.#now, firstBackoff)
      this.#retry = this.#options.clock.setTimer(() => this.#replace(token), wait)
    })
  }
}
