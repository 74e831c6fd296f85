import type { AzureKeyVaultConfig } from '../../config/schema.ts'
import { type ProviderContext, ProviderError } from '../../secrets/provider.ts'
import { ApiClient } from '../shared/http/api-client.ts'
import type { Answer } from '../shared/http/exchange.ts'
import { type Challenge, ForeignChallenge, readChallenge } from './challenge.ts'
import { type Asked, tokenRefused, vaultFailure } from './failure.ts'
import { challengePath } from './key.ts'
import { SignIn } from './sign-in.ts'
import { type AccessToken, Tokens } from './tokens.ts'

/** Requests to one vault, signed in. */
export class Vault {
  readonly #context: ProviderContext
  readonly #api: ApiClient
  readonly #url: URL
  readonly #signIn: SignIn
  readonly #tokens: Tokens
  readonly #expected: string | undefined
  /** What tokens are asked for; undefined until the vault has been asked. */
  #resource: string | undefined

  constructor(config: AzureKeyVaultConfig, context: ProviderContext) {
    const { timeout, maxBody, ca, maxConcurrentCalls: calls } = config
    this.#context = context
    this.#url = new URL(config.url)
    const { origin } = this.#url
    const { name, clock } = context
    this.#api = new ApiClient({ name, origin, clock, timeout, maxBody, connections: calls, ca })
    this.#expected = config.resource
    this.#resource = config.resource?.replace(/\/$/, '')
    this.#signIn = new SignIn(config, context)
    this.#tokens = new Tokens(
      clock,
      async (signal) => this.#signIn.getToken(this.#resource ?? (await this.#learn(signal)), signal),
      () => this.#givenUp(),
    )
  }

  get origin(): string {
    return this.#url.origin
  }

  place(path: string): string {
    return this.#api.place({ path })
  }

  /**
   * A 200 to a GET of `path`, whose body the caller overwrites. Rejects with a ProviderError for any other answer.
   *
   * @param key the key that it is for; undefined for the list
   */
  async get(path: string, key: string | undefined, signal: AbortSignal): Promise<Answer> {
    const asked: Asked = { place: this.place(path), key }
    const token = await this.#tokens.get(signal)
    const answer = await this.#send(path, token, signal)
    if (answer.status !== 401) return this.#checked(asked, answer)
    // The token may have been revoked, or the vault have moved to another tenant: once more with another.
    const challenge = this.#challenge(answer, asked.place)
    this.#resource = challenge.resource
    this.#tokens.refuse(token)
    const next = await this.#tokens.get(signal)
    if (next.isSame(token)) throw this.#refused(asked, answer, challenge)
    answer.body.fill(0)
    const second = await this.#send(path, next, signal)
    if (second.status !== 401) return this.#checked(asked, second)
    this.#tokens.refuse(next)
    throw this.#refused(asked, second, challenge)
  }

  async close(): Promise<void> {
    this.#tokens.clear()
    await Promise.all([this.#api.close(), this.#signIn.close()])
  }

  async #send(path: string, token: AccessToken, signal: AbortSignal): Promise<Answer> {
    return await this.#api.ask({ path, headers: { authorization: token.authorization } }, signal)
  }

  #checked(asked: Asked, answer: Answer): Answer {
    if (answer.status === 200) return answer
    throw vaultFailure(asked, answer, this.#context.clock.wall())
  }

  #refused({ place }: Asked, answer: Answer, { tenantId }: Challenge): ProviderError {
    const signedInTo = this.#signIn.tenantId
    const isForeign = tenantId !== undefined && signedInTo !== undefined && tenantId !== signedInTo
    return tokenRefused(place, answer, isForeign)
  }

  /** Asks without a token, to be told what one has to be for (RFC 6750, section 3). */
  async #learn(signal: AbortSignal): Promise<string> {
    const place = this.place(challengePath)
    const answer = await this.#api.ask({ path: challengePath }, signal)
    if (answer.status === 401) {
      const { resource } = this.#challenge(answer, place)
      answer.body.fill(0)
      this.#resource = resource
      return resource
    }
    if (answer.status !== 200)
      throw vaultFailure({ place, key: undefined }, answer, this.#context.clock.wall())
    answer.body.fill(0)
    const words = 'it answers without asking for a token. Is url the address of a Key Vault?'
    throw new ProviderError('unavailable', 'status', `${place}: ${words}`)
  }

  #challenge(answer: Answer, place: string): Challenge {
    try {
      return readChallenge(answer.headers.get('www-authenticate'), this.#url, this.#expected)
    } catch (error) {
      if (!(error instanceof ForeignChallenge)) throw error
      throw new ProviderError('unavailable', 'credential', `${place}: ${error.message}.`)
    }
  }

  #givenUp(): ProviderError {
    return new ProviderError(
      'unavailable',
      'aborted',
      `provider "${this.#context.name}": the request was given up.`,
    )
  }
}
