import type { ProviderError } from '../../secrets/provider.ts'
import type { VaultClient, VaultRequest } from './client.ts'
import { denied, notPermitted, policyLine, type Right } from './failure.ts'
import type { Reply } from './reply.ts'
import type { Session } from './session.ts'
import type { Token } from './token.ts'

/** What an answer was got with: whatever it hands out hangs on that token. */
export interface Granted {
  readonly reply: Reply
  readonly token: Token
}

/** A request, and what a policy has to permit for it. */
export interface Asked extends Omit<VaultRequest, 'token'> {
  readonly capabilities: readonly string[]
  /** The path that a policy has to name, where it is not the one that is asked for. */
  readonly right?: string
  /** What a denial means, where it is not the lack of that right. */
  readonly whenDenied?: string
}

/** As much of a session as a request wants. */
export type Credential = Pick<Session, 'token' | 'refused' | 'refusedAgain' | 'describeDead'>

/** Requests with the token of a session: once more with another one where it is refused. */
export class Authorized {
  readonly client: VaultClient
  readonly #session: Credential

  constructor(client: VaultClient, session: Credential) {
    this.client = client
    this.#session = session
  }

  /** The answer, of any status but 403. Rejects with a ProviderError: *denied* where the token does not permit it. */
  async ask(asked: Asked, signal: AbortSignal): Promise<Granted> {
    const first = await this.tryOnce(asked, signal)
    if (first.reply.status !== 403) return first
    const another = await this.#session.refused(first.token, signal)
    if (another === 'denied') throw this.#denied(first, asked)
    if (another === 'dead') throw this.#dead(first, asked)
    const second = await this.#with(another, asked, signal)
    if (second.reply.status !== 403) return second
    await this.#session.refusedAgain(another)
    throw this.#denied(second, asked)
  }

  /** The answer, of any status: for what may well be denied, and does without. */
  async tryOnce(asked: Asked, signal: AbortSignal): Promise<Granted> {
    return await this.#with(await this.#session.token(signal), asked, signal)
  }

  async #with(token: Token, asked: Asked, signal: AbortSignal): Promise<Granted> {
    const reply = await this.client.send({ ...asked, token: token.reveal() }, signal)
    return { reply, token }
  }

  #denied({ reply }: Granted, asked: Asked): ProviderError {
    if (asked.whenDenied !== undefined && reply.isVaults)
      return denied(reply.place, `403: ${asked.whenDenied}`)
    return notPermitted(reply, this.#rightFor(asked))
  }

  #dead({ reply, token }: Granted, asked: Asked): ProviderError {
    const dead = this.#session.describeDead(token)
    const right = asked.whenDenied === undefined ? `, nor ${policyLine(this.#rightFor(asked))}` : ''
    return denied(
      reply.place,
      `403: ${dead} Where it is good, it lacks the policy default, by which it could be looked up${right}.`,
    )
  }

  #rightFor({ path, right = path, capabilities }: Asked): Right {
    return { path: right, capabilities, namespace: this.client.namespace }
  }
}
