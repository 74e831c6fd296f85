import type { StringSource } from '../../config/source.ts'
import { type ProviderContext, ProviderError } from '../../secrets/provider.ts'
import { ApiClient } from '../shared/http/api-client.ts'

export interface TransportOptions {
  /** The option that names the address, for messages. */
  readonly option: string
  /** The environment variables that name it, for messages. */
  readonly variables: string
  /** Milliseconds for one request. */
  readonly timeout: number
  /** Bytes of one answer. */
  readonly maxBody: number
  readonly connections: number
  readonly ca?: StringSource | undefined
}

/** A request as the SDK has signed it. */
interface SignedRequest {
  readonly method: string
  readonly protocol: string
  readonly hostname: string
  readonly port?: number
  readonly path: string
  readonly query?: Record<string, string | string[] | null>
  readonly headers: Record<string, string>
  readonly body?: unknown
}

/**
 * Carries the requests of the SDK, in place of its own handler: with a deadline for each, a bound on what an answer may
 * take, a bound on connections, and one way to tell what went wrong. Rejects with a ProviderError.
 */
export class Transport {
  readonly metadata = { handlerProtocol: 'http/1.1' }
  readonly #options: TransportOptions
  readonly #context: ProviderContext
  /** By origin: those of the service and of what gives credentials. */
  readonly #clients = new Map<string, ApiClient>()

  constructor(options: TransportOptions, context: ProviderContext) {
    this.#options = options
    this.#context = context
  }

  async handle(
    request: SignedRequest,
    { abortSignal = new AbortController().signal }: { abortSignal?: unknown } = {},
  ): Promise<{ response: { statusCode: number; headers: Record<string, string>; body: Buffer } }> {
    if (!(abortSignal instanceof AbortSignal)) throw new TypeError('no signal that this program makes')
    this.#refuseOtherProtocols(request)
    const body = bodyOf(request.body)
    const answer = await this.#clientOf(originOf(request)).ask(
      {
        method: methodOf(request.method),
        path: `${request.path}${queryOf(request.query)}`,
        headers: request.headers,
        ...(body !== undefined && { body }),
      },
      abortSignal,
    )
    const { status: statusCode, headers, body: bytes } = answer
    return { response: { statusCode, headers: Object.fromEntries(headers), body: bytes } }
  }

  /** The SDK asks for these two; there is nothing to change. */
  updateHttpClientConfig(): void {}

  httpHandlerConfigs(): Record<string, never> {
    return {}
  }

  /** Ends all requests and connections. */
  async close(): Promise<void> {
    await Promise.all([...this.#clients.values()].map((client) => client.close()))
  }

  /** `AWS_ENDPOINT_URL=localhost:4566` is a URL too, whose protocol is `localhost:`. */
  #refuseOtherProtocols({ protocol }: SignedRequest): void {
    if (protocol === 'http:' || protocol === 'https:') return
    const { variables } = this.#options
    const words = `${variables}, or endpoint_url of the profile, is no URL with http:// or https://. Correct it`
    throw new ProviderError('unavailable', 'credential', `provider "${this.#context.name}": ${words}.`)
  }

  #clientOf(origin: string): ApiClient {
    const known = this.#clients.get(origin)
    if (known !== undefined) return known
    const { name, clock } = this.#context
    const client = new ApiClient({ ...this.#options, name, origin, clock })
    this.#clients.set(origin, client)
    return client
  }
}

function originOf({ protocol, hostname, port }: SignedRequest): string {
  return `${protocol}//${hostname}${port === undefined ? '' : `:${port}`}`
}

function methodOf(method: string): 'GET' | 'POST' | 'PUT' {
  if (method === 'GET' || method === 'POST' || method === 'PUT') return method
  throw new TypeError('a method that no request of ours has')
}

/** As a signature has it (RFC 3986, section 2.3): what `encodeURIComponent` leaves alone beyond that is encoded too. */
function queryOf(query: SignedRequest['query'] = {}): string {
  const encoded = (text: string): string =>
    encodeURIComponent(text).replace(
      /[!'()*]/g,
      (mark) => `%${mark.charCodeAt(0).toString(16).toUpperCase()}`,
    )
  const pairs = Object.entries(query).flatMap(([name, value]) =>
    [value].flat().map((one) => `${encoded(name)}=${encoded(one ?? '')}`),
  )
  return pairs.length === 0 ? '' : `?${pairs.join('&')}`
}

function bodyOf(body: unknown): string | undefined {
  if (body === undefined || body === null || typeof body === 'string') return body ?? undefined
  if (body instanceof Uint8Array) {
    return Buffer.from(body.buffer, body.byteOffset, body.byteLength).toString('utf8')
  }
  throw new TypeError('a body that no request of ours has')
}
