import type { Clock, ProviderError } from '../../secrets/provider.ts'
import { SharedCall } from './shared-call.ts'

/** An access token. Prints nothing of itself. */
export class AccessToken {
  readonly #text: string
  /** Milliseconds that it is good for, from when it was got. */
  readonly lifeMs: number

  constructor(text: string, lifeMs: number) {
    this.#text = text
    this.lifeMs = lifeMs
  }

  get authorization(): string {
    return `Bearer ${this.#text}`
  }

  isSame(other: AccessToken): boolean {
    return this.#text === other.#text
  }
}

/**
 * How long before its end a token is replaced, in milliseconds. Less than the five minutes in which the identity library
 * itself hands out no token that it has kept: asked earlier, it would give the same one again.
 */
const renewBefore = 4.5 * 60 * 1000

/** How long the old token does after a renewal that failed, before the next is tried, in milliseconds. */
const renewAgain = 10_000

interface Held {
  readonly token: AccessToken
  /** On the monotonic clock. */
  renewAt: number
  readonly end: number
}

/** The one token of a provider: got when it is first needed, and again shortly before it ends. Lies in memory alone. */
export class Tokens {
  readonly #clock: Clock
  readonly #onAbort: () => ProviderError
  readonly #call: SharedCall<AccessToken>
  #held: Held | undefined

  /** @param getToken rejects with a ProviderError */
  constructor(
    clock: Clock,
    getToken: (signal: AbortSignal) => Promise<AccessToken>,
    onAbort: () => ProviderError,
  ) {
    this.#clock = clock
    this.#onAbort = onAbort
    this.#call = new SharedCall(async (signal) => this.#hold(await getToken(signal)))
  }

  async get(signal: AbortSignal): Promise<AccessToken> {
    const held = this.#held
    if (held === undefined || held.end <= this.#clock.now()) return await this.#join(signal)
    if (this.#clock.now() < held.renewAt) return held.token
    try {
      return await this.#join(signal)
    } catch (error) {
      if (signal.aborted || held.end <= this.#clock.now() || this.#held !== held) throw error
      held.renewAt = this.#clock.now() + renewAgain
      return held.token
    }
  }

  /** Forgets a token that the vault refused, unless another has taken its place. */
  refuse(token: AccessToken): void {
    if (this.#held?.token.isSame(token)) this.#held = undefined
  }

  clear(): void {
    this.#held = undefined
  }

  #join(signal: AbortSignal): Promise<AccessToken> {
    return this.#call.join(signal, this.#onAbort)
  }

  #hold(token: AccessToken): AccessToken {
    const now = this.#clock.now()
    const early = Math.min(renewBefore, token.lifeMs / 2)
    this.#held = { token, renewAt: now + token.lifeMs - early, end: now + token.lifeMs }
    return token
  }
}
