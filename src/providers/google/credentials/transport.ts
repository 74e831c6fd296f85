import type { StringSource } from '../../../config/source.ts'
import type { Clock } from '../../../secrets/provider.ts'
import { ApiClient, type ApiRequest } from '../../shared/http/api-client.ts'
import type { Answer } from '../../shared/http/exchange.ts'

export interface TransportOptions {
  /** The provider's name in the configuration. */
  readonly name: string
  readonly clock: Clock
  /** Milliseconds for one request. */
  readonly timeout: number
  readonly ca: StringSource | undefined
}

/** What a server that gives tokens may answer at the most, in bytes: tokens are a few KiB. */
const maxBody = 64 * 1024

/** The requests of one login, wherever they go. Ends with the login: the next one is an hour away. */
export class Transport {
  readonly #options: TransportOptions
  readonly #signal: AbortSignal
  readonly #clients = new Map<string, ApiClient>()

  constructor(options: TransportOptions, signal: AbortSignal) {
    this.#options = options
    this.#signal = signal
  }

  /** Milliseconds since the epoch. */
  wall(): number {
    return this.#options.clock.wall()
  }

  /** How messages name a request. */
  place(url: URL, method: ApiRequest['method'] = 'GET'): string {
    return `provider "${this.#options.name}": ${method} ${url.origin}${url.pathname}`
  }

  /** The answer, whatever its status. Rejects with a ProviderError where there is none. */
  async ask(url: URL, request: Omit<ApiRequest, 'path'> = {}): Promise<Answer> {
    const client = this.#clients.get(url.origin) ?? this.#open(url.origin)
    return await client.ask({ ...request, path: `${url.pathname}${url.search}` }, this.#signal)
  }

  async close(): Promise<void> {
    await Promise.all([...this.#clients.values()].map((client) => client.close()))
  }

  #open(origin: string): ApiClient {
    const client = new ApiClient({ ...this.#options, origin, maxBody, connections: 1, option: 'credentials' })
    this.#clients.set(origin, client)
    return client
  }
}
