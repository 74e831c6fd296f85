import type { Clock } from '../../secrets/provider.ts'
import { ApiClient } from '../shared/http/api-client.ts'
import type { Endpoint } from './access/access.ts'

export interface ClientsOptions {
  /** The provider's name. */
  readonly name: string
  readonly clock: Clock
  /** Milliseconds for one request. */
  readonly timeout: number
  /** Bytes of one answer. */
  readonly maxBody: number
  readonly connections: number
}

interface Held {
  readonly client: ApiClient
  readonly endpoint: Endpoint
  users: number
}

/** The client of an endpoint. Where another takes its place, what is under way at the former ends first. */
export class Clients {
  readonly #options: ClientsOptions
  #held: Held | undefined
  readonly #retired = new Set<Held>()
  #isClosed = false

  constructor(options: ClientsOptions) {
    this.#options = options
  }

  /** Runs `work` with the client of an endpoint. */
  async use<T>(endpoint: Endpoint, work: (client: ApiClient) => Promise<T>): Promise<T> {
    const held = this.#of(endpoint)
    held.users++
    try {
      return await work(held.client)
    } finally {
      held.users--
      if (this.#retired.has(held)) this.#retire(held)
    }
  }

  /** Ends all requests and connections. */
  async close(): Promise<void> {
    this.#isClosed = true
    const all = [...this.#retired, ...(this.#held === undefined ? [] : [this.#held])]
    this.#retired.clear()
    await Promise.all(all.map(({ client }) => client.close()))
  }

  #of(endpoint: Endpoint): Held {
    // A closed client says itself that it is closed; one more would be left open.
    if (this.#held !== undefined && (this.#isClosed || this.#held.endpoint === endpoint)) return this.#held
    const { origin, option, ca, certificate, key } = endpoint
    const client = new ApiClient({ ...this.#options, origin, option, ca, certificate, key })
    if (this.#isClosed) void client.close()
    if (this.#held !== undefined) this.#retire(this.#held)
    this.#held = { client, endpoint, users: 0 }
    return this.#held
  }

  #retire(held: Held): void {
    this.#retired.add(held)
    if (held.users > 0) return
    this.#retired.delete(held)
    // Nobody waits for it, and a client without requests has nothing that could fail.
    held.client.close().catch(() => {})
  }
}
