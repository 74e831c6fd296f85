import type { StringSource } from '../../../config/source.ts'
import type { ProviderError } from '../../../secrets/provider.ts'
import type { VaultClient, VaultRequest } from '../client.ts'
import { denied, failureOf, unavailable } from '../failure.ts'
import type { Reply } from '../reply.ts'
import { isTokenText } from '../token.ts'

const incident =
  'Treat it as an incident: find out who had the token, revoke the secret ids of the role, and hand out a new wrapping token.'

/**
 * A secret id that comes wrapped. Whoever unwraps it first has it, and nobody else can: that it is ours to unwrap, and
 * that nobody was there before, is what the wrapping is for.
 */
export class Unwrapped {
  readonly #client: VaultClient
  readonly #source: StringSource
  readonly #mount: string
  /** By which wrapping token it came. Neither is shown by whatever prints this. */
  #held: { readonly from: string; readonly secretId: string } | undefined
  /** The wrapping token that an attempt of ours may have used up without an answer. */
  #attempted: string | undefined

  constructor(client: VaultClient, source: StringSource, mount: string) {
    this.#client = client
    this.#source = source
    this.#mount = mount
  }

  /** The secret id, from memory where the wrapping token is the same still. Rejects with a ProviderError. */
  async secretId(signal: AbortSignal): Promise<string> {
    const from = await this.#client.read(this.#source, 'auth.appRole.secretId')
    if (this.#held?.from === from) return this.#held.secretId
    await this.#check(from, signal)
    const secretId = await this.#unwrap(from, signal)
    this.#held = { from, secretId }
    this.#attempted = undefined
    return secretId
  }

  /** Else somebody could have put a wrapping token of their own in its place. Looking it up does not use it up. */
  async #check(token: string, signal: AbortSignal): Promise<void> {
    const request: VaultRequest = { method: 'POST', path: 'sys/wrapping/lookup', json: { token } }
    const reply = await this.#ask(request, token, signal, this.#attempted === token)
    const path = reply.envelope?.data?.creation_path
    if (typeof path === 'string' && this.#isOurs(path)) return
    const words = `the wrapping token from ${this.#source.describe()} was not made for a secret id of auth/${this.#mount}: somebody may have put another in its place.`
    throw denied(reply.place, `${words} ${incident}`)
  }

  #isOurs(path: string): boolean {
    const { namespace } = this.#client
    const parts = path.replace(/^\/+|\/+$/g, '').split('/')
    const before = [`auth/${this.#mount}/role`, `${namespace ?? ''}/auth/${this.#mount}/role`]
    const [kind, role] = [parts.pop(), parts.pop()]
    return (
      (kind === 'secret-id' || kind === 'custom-secret-id') && role !== '' && before.includes(parts.join('/'))
    )
  }

  async #unwrap(token: string, signal: AbortSignal): Promise<string> {
    // In the header alone: with the token in the header and in the body, it would count as used twice.
    const request: VaultRequest = { method: 'POST', path: 'sys/wrapping/unwrap', token }
    const isSecond = this.#attempted === token
    this.#attempted = token
    const reply = await this.#ask(request, token, signal, isSecond)
    const secretId = reply.envelope?.data?.secret_id
    if (typeof secretId === 'string' && secretId !== '') return secretId
    throw unavailable(reply.place, 'malformed', 'what was unwrapped holds no secret id.')
  }

  async #ask(request: VaultRequest, token: string, signal: AbortSignal, isSecond: boolean): Promise<Reply> {
    if (!isTokenText(token)) {
      const words = `the wrapping token from ${this.#source.describe()} holds what no token can.`
      throw unavailable(this.#client.place(request), 'credential', words)
    }
    const reply = await this.#client.send(request, signal)
    if (reply.isSuccess) return reply
    throw [400, 403, 404].includes(reply.status) && reply.isVaults
      ? this.#isGone(reply, isSecond)
      : failureOf(reply)
  }

  #isGone({ place, status }: Reply, isSecond: boolean): ProviderError {
    const why = isSecond
      ? 'an earlier attempt, whose answer was lost, may have used it up, or somebody else has'
      : 'it has expired, or somebody else has used it already'
    const from = this.#source.describe()
    return denied(place, `the wrapping token from ${from} is not valid (${status}): ${why}. ${incident}`)
  }
}
