import type { Clock, Timer } from '../../secrets/provider.ts'
import type { VaultClient } from './client.ts'
import { millisecondsOf, type Reply } from './reply.ts'
import type { Token } from './token.ts'

/** After which part of its life a token is renewed; ±10 %, so that what was started together is spread. */
const renewAt = 2 / 3
/** And after which it is replaced where it cannot be: late, yet in time for more than one attempt. */
const replaceAt = 0.75
/** A token that a renewal leaves with less than this part of its first life is near the end that it cannot pass. */
const leastRenewal = 0.5
/** Milliseconds: never sooner, whatever the server says of its life. */
const shortestWait = 1_000
const longestBackoff = 60_000

export interface RenewalOptions {
  readonly client: VaultClient
  readonly clock: Clock
  readonly random: () => number
  readonly token: Token
  /** Called once, when it cannot be renewed any further and another has to take its place. */
  readonly spent: () => void
}

/** Keeps a token alive for as long as it can be: one timer, or one request, at a time. */
export class Renewal {
  readonly #options: RenewalOptions
  readonly #ended = new AbortController()
  #timer: Timer | undefined
  #failures = 0

  constructor(options: RenewalOptions) {
    this.#options = options
  }

  start(): void {
    const { token, clock, random } = this.#options
    const left = token.endsAt - clock.now()
    if (left === Number.POSITIVE_INFINITY) return
    const spread = 0.9 + 0.2 * random()
    if (token.isRenewable) this.#after(left * renewAt * spread, () => this.#renew())
    else this.#after(left * replaceAt * spread, () => this.#spent())
  }

  stop(): void {
    this.#timer?.cancel()
    this.#ended.abort()
  }

  #after(ms: number, then: () => void): void {
    this.#timer = this.#options.clock.setTimer(then, Math.max(ms, shortestWait))
  }

  #renew(): void {
    const { client, token } = this.#options
    const increment = Math.ceil(token.firstMs / 1000)
    client
      .send(
        {
          method: 'POST',
          path: 'auth/token/renew-self',
          json: { increment: `${increment}s` },
          token: token.reveal(),
        },
        this.#ended.signal,
      )
      .then(
        (reply) => this.#took(reply),
        () => this.#failed(0),
      )
      // What is left to go wrong here is a fault of ours; the token then lives as long as it does.
      .catch(() => this.#spent())
  }

  #took(reply: Reply): void {
    const { token, clock } = this.#options
    if (this.#ended.signal.aborted) return
    const { status, askedAt, envelope } = reply
    const auth = envelope?.auth
    if (!reply.isSuccess || auth === undefined) {
      // It is dead, or not renewable after all: no use in trying again.
      if (status === 400 || status === 403) this.#spent()
      else this.#failed(reply.retryAfterMs ?? 0)
      return
    }
    const ttlMs = millisecondsOf(auth.lease_duration)
    // Nothing is left of it: of a token that ends, 0 does not mean that it ends no more.
    if (ttlMs === 0) {
      this.#spent()
      return
    }
    this.#failures = 0
    token.lives({ ttlMs, renewable: auth.renewable === true }, askedAt)
    const isNearItsEnd = ttlMs < leastRenewal * token.firstMs
    if (isNearItsEnd) this.#after((token.endsAt - clock.now()) * replaceAt, () => this.#spent())
    else this.start()
  }

  /** Tried again with backoff, or when the server says, and at the latest when most of what was left is over. */
  #failed(retryAfterMs: number): void {
    const { token, clock, random } = this.#options
    if (this.#ended.signal.aborted) return
    const left = token.endsAt - clock.now()
    if (left <= 2 * shortestWait) {
      this.#spent()
      return
    }
    const backoff = Math.min(shortestWait * 2 ** this.#failures++, longestBackoff) * (0.5 + random() / 2)
    this.#after(Math.min(Math.max(backoff, retryAfterMs), left / 2), () => this.#renew())
  }

  #spent(): void {
    if (this.#ended.signal.aborted) return
    this.stop()
    this.#options.spent()
  }
}
