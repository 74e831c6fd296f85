import type { Clock } from '../../secrets/provider.ts'
import { jsonNumber } from '../shared/json.ts'
import type { VaultClient } from './client.ts'
import { failureOf } from './failure.ts'
import { millisecondsOf, type Reply } from './reply.ts'
import type { Token } from './token.ts'

/** Milliseconds for which what was found out of a token holds: many keys may be denied at a time. */
const remembered = 10_000

interface Finding {
  readonly token: Token
  readonly at: number
  readonly isAlive: Promise<boolean>
}

/** Tells a dead token from one that is denied something: both are answered 403. */
export class Liveness {
  readonly #client: VaultClient
  readonly #clock: Clock
  readonly #ended = new AbortController()
  #last: Finding | undefined

  constructor(client: VaultClient, clock: Clock) {
    this.#client = client
    this.#clock = clock
  }

  /**
   * Whether the token may look itself up. Without that right a good token looks dead, which the policy `default` is
   * there to prevent. What the server says of its life is noted. Rejects with a ProviderError where there is no answer.
   */
  isAlive(token: Token): Promise<boolean> {
    const at = this.#clock.now()
    if (this.#last?.token === token && at - this.#last.at < remembered) return this.#last.isAlive
    const finding = { token, at, isAlive: this.#lookUp(token) }
    this.#last = finding
    finding.isAlive.catch(() => {
      if (this.#last === finding) this.#last = undefined
    })
    return finding.isAlive
  }

  close(): void {
    this.#ended.abort()
  }

  async #lookUp(token: Token): Promise<boolean> {
    const request = { path: 'auth/token/lookup-self', token: token.reveal() }
    const reply: Reply = await this.#client.send(request, this.#ended.signal)
    const data = reply.envelope?.data
    if (reply.status === 200 && data !== undefined) {
      if (jsonNumber(data.ttl) !== undefined)
        token.lives({ ttlMs: millisecondsOf(data.ttl), renewable: data.renewable === true }, reply.askedAt)
      return true
    }
    if (reply.status === 403) return false
    throw failureOf(reply)
  }
}
