import type { gaxios, OAuth2ClientOptions } from 'google-auth-library'
import { ProviderError } from '../../../secrets/provider.ts'
import type { ApiRequest } from '../../shared/http/api-client.ts'
import { loginFailure, type Step } from './failure.ts'
import { jsonIn } from './json.ts'
import type { Transport } from './transport.ts'

/** Which requests of the library belong to which step, and where they go in the end. */
export interface Routes {
  /** What a POST is that is no impersonation. */
  readonly step: Extract<Step, 'grant' | 'exchange'>
  /** Where tokens are asked for, in place of the URL that the library has built in. */
  readonly tokenUrl: URL | undefined
}

const builtInTokenUrl = 'https://oauth2.googleapis.com/token'

/**
 * Sends what the library wants to be sent our way: with our deadline and signal, without its retries, proxies and
 * redirects, and with failures that quote nothing. The library wraps an error a few times, differently for each kind of
 * credentials; so the first one is kept here.
 */
export class Adapter {
  readonly #transport: Transport
  readonly #routes: Routes
  #failure: ProviderError | undefined

  constructor(transport: Transport, routes: Routes) {
    this.#transport = transport
    this.#routes = routes
  }

  /** Why a request failed, where one did. */
  get failure(): ProviderError | undefined {
    return this.#failure
  }

  /** What each client of the library is made with. */
  get options(): Pick<OAuth2ClientOptions, 'transporterOptions' | 'useAuthRequestParameters'> {
    return {
      transporterOptions: {
        adapter: <T>(request: gaxios.GaxiosOptionsPrepared) => this.#send<T>(request),
        retryConfig: { retry: 0 },
        // It would load an agent for HTTPS_PROXY, which is of no use here.
        noProxy: [/^/],
      },
      // They would log requests and answers, with the tokens in them, where GOOGLE_SDK_NODE_LOGGING says so.
      useAuthRequestParameters: false,
    }
  }

  async #send<T>(request: gaxios.GaxiosOptionsPrepared): Promise<gaxios.GaxiosResponse<T>> {
    try {
      return await this.#exchange(request)
    } catch (error) {
      if (error instanceof ProviderError) this.#failure ??= error
      throw error
    }
  }

  async #exchange<T>(request: gaxios.GaxiosOptionsPrepared): Promise<gaxios.GaxiosResponse<T>> {
    const method = methodOf(request.method)
    const url = request.url.href === builtInTokenUrl ? (this.#routes.tokenUrl ?? request.url) : request.url
    const place = this.#transport.place(url, method)
    const answer = await this.#transport.ask(url, { method, ...contentOf(request) })
    if (answer.status < 200 || answer.status >= 300) {
      const step = stepOf(url, method, this.#routes)
      const failure = loginFailure(step, place, answer, this.#transport.wall())
      answer.body.fill(0)
      throw failure
    }
    // The library trusts an answer to be what it asked for, and we look at what it makes of it.
    const data = dataOf(request, place, answer.body) as T
    return Object.assign(new Response(), { config: request, data })
  }
}

function methodOf(method = 'GET'): 'GET' | 'POST' | 'PUT' {
  return method === 'POST' || method === 'PUT' ? method : 'GET'
}

function stepOf(url: URL, method: string, { step }: Routes): Step {
  if (url.pathname.endsWith(':generateAccessToken')) return 'impersonation'
  return method === 'POST' ? step : 'source'
}

/** A form brings its Content-Type with `fetch`; here it has to be said. */
function contentOf(request: gaxios.GaxiosOptionsPrepared): Pick<ApiRequest, 'headers' | 'body'> {
  const headers = Object.fromEntries(request.headers)
  const { body } = request
  if (body === undefined || body === null) return { headers }
  const isForm = body instanceof URLSearchParams
  return {
    headers: { ...headers, ...(isForm && { 'content-type': 'application/x-www-form-urlencoded' }) },
    body: String(body),
  }
}

function dataOf({ responseType }: gaxios.GaxiosOptionsPrepared, place: string, body: Buffer): unknown {
  if (responseType === 'text') {
    const text = body.toString('utf8')
    body.fill(0)
    return text
  }
  const data = jsonIn(body)
  if (data !== undefined) return data
  const words = 'the answer is no JSON. Check the URL in the credentials.'
  throw new ProviderError('unavailable', 'malformed', `${place}: ${words}`)
}
