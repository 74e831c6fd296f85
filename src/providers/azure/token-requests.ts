import type { AzureKeyVaultConfig } from '../../config/schema.ts'
import { type ProviderContext, ProviderError } from '../../secrets/provider.ts'
import { ApiClient } from '../shared/http/api-client.ts'
import type { Answer } from '../shared/http/exchange.ts'
import { retryAfterMs } from '../shared/http/retry-after.ts'
import { isJsonObject, parseJson } from '../shared/json.ts'
import { Malformed } from '../shared/malformed.ts'
import { type Identity, remedyOf } from './identity.ts'
import type { TokenAnswer, TokenRequest } from './identity-http.ts'
import { codesOf, signInFailure } from './sign-in-failure.ts'

/** Bytes of one answer: a token with many roles has some KiB. */
const largestAnswer = 256 * 1024

/** Given to the library in place of what it was answered, so that not even its own errors can quote that. */
const refusal = '{"error":"refused"}'

/** There is no connection to the endpoint at all. */
const unreachable: ReadonlySet<string> = new Set(['refused', 'dns', 'timeout', 'reset'])

/** The requests of sign-ins, over connections of ours. */
export class TokenRequests {
  readonly #config: AzureKeyVaultConfig
  readonly #context: ProviderContext
  /** By origin: Microsoft Entra ID's, and that of the machine's managed identity. */
  readonly #clients = new Map<string, ApiClient>()
  #closed = false

  constructor(config: AzureKeyVaultConfig, context: ProviderContext) {
    this.#config = config
    this.#context = context
  }

  async close(): Promise<void> {
    this.#closed = true
    await Promise.all([...this.#clients.values()].map((client) => client.close()))
  }

  /**
   * One request of a sign-in. A refusal is given to `failed`, and to the library without what it said: it goes on where
   * it knows a second step, as on Azure Arc. Rejects with a ProviderError where there is no answer.
   */
  async send(
    request: TokenRequest,
    identity: Identity,
    authority: string,
    signal: AbortSignal,
    failed: (failure: ProviderError) => void,
  ): Promise<TokenAnswer> {
    const { url, method, headers, body } = request
    const client = this.#client(url, identity, authority)
    const path = `${url.pathname}${url.search}`
    const place = client.place({ method, path })
    const sent = { method, path, headers, ...(body !== undefined && { body }) }
    const answer = await client.ask(sent, signal).catch((error: unknown) => {
      throw explained(error, place, identity)
    })
    try {
      if (answer.status >= 200 && answer.status < 300) return { ...answer, text: readJson(answer, place) }
      failed(
        signInFailure(place, identity, {
          status: answer.status,
          codes: codesOf(answer.body),
          retryAfterMs: retryAfterMs(answer.headers.get('retry-after'), this.#context.clock.wall()),
        }),
      )
      return { ...answer, text: refusal }
    } finally {
      answer.body.fill(0)
    }
  }

  /** Credentials go to the authority alone; where a managed identity's endpoint is, the machine says. */
  #client(url: URL, identity: Identity, authority: string): ApiClient {
    const { name, clock } = this.#context
    if (this.#closed) {
      throw new ProviderError('unavailable', 'aborted', `provider "${name}": the provider was closed.`)
    }
    if (identity.kind !== 'managedIdentity' && url.origin !== new URL(authority).origin) {
      throw new ProviderError(
        'unavailable',
        'redirect',
        `provider "${name}": the sign-in would go to another host than authorityHost, and was not made. Unset AZURE_REGIONAL_AUTHORITY_NAME and MSAL_FORCE_REGION, or check authorityHost.`,
      )
    }
    const known = this.#clients.get(url.origin)
    if (known !== undefined) return known
    const { timeout, ca } = this.#config
    const client = new ApiClient({
      name,
      origin: url.origin,
      option: 'authorityHost',
      clock,
      timeout,
      maxBody: largestAnswer,
      connections: 2,
      ca,
    })
    this.#clients.set(url.origin, client)
    return client
  }
}

/** Of a managed identity's endpoint, nobody configured the address. */
function explained(error: unknown, place: string, identity: Identity): unknown {
  if (identity.kind !== 'managedIdentity' || !(error instanceof ProviderError)) return error
  if (!unreachable.has(error.reason)) return error
  return new ProviderError(
    'unavailable',
    error.reason,
    `${place}: no managed identity answers here. ${remedyOf(identity)}`,
  )
}

/** The text of a JSON object. The library's parser would quote what it stumbles over. */
function readJson({ body }: Answer, place: string): string {
  try {
    if (!isJsonObject(parseJson(body))) throw new Malformed('it is no JSON object')
  } catch (error) {
    if (!(error instanceof Malformed)) throw error
    throw new ProviderError(
      'unavailable',
      'malformed',
      `${place}: the answer cannot be read: ${error.message}.`,
    )
  }
  return body.toString('utf8')
}
