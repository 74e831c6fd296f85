import type { AzureKeyVaultConfig } from '../../config/schema.ts'
import { type ProviderContext, ProviderError } from '../../secrets/provider.ts'
import { withDeadline } from '../shared/http/deadline.ts'
import { isGuid } from './challenge.ts'
import { credentialOf, nameOf } from './credential.ts'
import { type Identity, identityOf, NoIdentity, remedyOf } from './identity.ts'
import { type Send, withRequests } from './identity-http.ts'
import { TokenRequests } from './token-requests.ts'
import { AccessToken } from './tokens.ts'

/** However long a token says that it lives, it is asked for again daily. */
const longestLife = 24 * 60 * 60 * 1000

/** Milliseconds. The library counts in whole seconds, so one that has ended may seem to have half of one left. */
const shortestLife = 1000

/** What a Bearer token may hold (RFC 6750, section 2.1, read generously). */
const tokenForm = /^[!-~]+$/

const authorityForm = /^https:\/\/[A-Za-z0-9._:[\]-]+$/

const publicCloud = 'https://login.microsoftonline.com'

/** Asks Microsoft Entra ID, or the machine's managed identity, for tokens. */
export class SignIn {
  readonly #config: AzureKeyVaultConfig
  readonly #context: ProviderContext
  readonly #requests: TokenRequests
  readonly #place: string
  #tenantId: string | undefined

  constructor(config: AzureKeyVaultConfig, context: ProviderContext) {
    this.#config = config
    this.#context = context
    this.#requests = new TokenRequests(config, context)
    this.#place = `provider "${context.name}": signing in`
  }

  /**
   * A token from a sign-in of its own, with what the sources of the credential hold now.
   *
   * @param resource `https://vault.azure.net`. Rejects with a ProviderError.
   */
  async getToken(resource: string, signal: AbortSignal): Promise<AccessToken> {
    const { timeout } = this.#config
    const place = this.#place
    const identity = this.#identity()
    const tenantId = identity.kind === 'managedIdentity' ? '' : identity.tenantId.toLowerCase()
    this.#tenantId = isGuid(tenantId) ? tenantId : undefined
    return await withDeadline(
      {
        clock: this.#context.clock,
        timeout,
        signal,
        onTimeout: () => {
          const words = `no token within ${timeout} ms. ${remedyOf(identity)}`
          return new ProviderError('unavailable', 'timeout', `${place}: ${words}`)
        },
        onAbort: () => new ProviderError('unavailable', 'aborted', `${place}: it was given up.`),
      },
      (inner) => this.#signIn(identity, resource, inner),
    )
  }

  /** The tenant that was signed in to last, in lower case, where it is known by its GUID. */
  get tenantId(): string | undefined {
    return this.#tenantId
  }

  async close(): Promise<void> {
    await this.#requests.close()
  }

  async #signIn(identity: Identity, resource: string, signal: AbortSignal): Promise<AccessToken> {
    const authority = this.#authority()
    const credential = await credentialOf(identity, authority, this.#place)
    // Why the library fails is known from its requests: its own errors quote what it was answered.
    let failure: ProviderError | undefined
    const failed = (error: ProviderError): void => {
      failure = error
    }
    const send: Send = async (request) => {
      try {
        return await this.#requests.send(request, identity, authority, signal, failed)
      } catch (error) {
        if (error instanceof ProviderError) failed(error)
        throw error
      }
    }
    try {
      const got = await withRequests(send, () => credential.getToken(`${resource}/.default`))
      return this.#read(got.token, got.expiresOnTimestamp)
    } catch (error) {
      if (error instanceof ProviderError) throw error
      throw failure ?? this.#unusable(`the identity library gave no token (${nameOf(error)})`)
    }
  }

  #identity(): Identity {
    try {
      return identityOf(this.#config.credential, process.env)
    } catch (error) {
      if (!(error instanceof NoIdentity)) throw error
      throw this.#unusable(error.message)
    }
  }

  #authority(): string {
    const configured = this.#config.authorityHost
    if (configured !== undefined) return configured.replace(/\/$/, '')
    const found = (process.env.AZURE_AUTHORITY_HOST || publicCloud).replace(/\/$/, '')
    if (authorityForm.test(found) && URL.canParse(found)) return found
    throw this.#unusable('AZURE_AUTHORITY_HOST is no address such as https://login.microsoftonline.com')
  }

  #read(text: string, expiresOn: number): AccessToken {
    // The library adds what the answer says to the system's clock, so that is the clock to take away again.
    const lifeMs = Math.min(expiresOn - Date.now(), longestLife)
    if (!tokenForm.test(text)) throw this.#unusable('the token is none that a header could carry')
    if (!(lifeMs >= shortestLife)) {
      throw this.#unusable("the token that came has ended already. Check the machine's clock")
    }
    return new AccessToken(text, lifeMs)
  }

  #unusable(words: string): ProviderError {
    return new ProviderError('unavailable', 'credential', `${this.#place}: ${words}.`)
  }
}
