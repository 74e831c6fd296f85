import type { VaultProviderConfig } from '../../config/schema.ts'
import type { StringSource } from '../../config/source.ts'
import type { ProviderContext } from '../../secrets/provider.ts'
import { ApiClient } from '../shared/http/api-client.ts'
import type { Answer } from '../shared/http/exchange.ts'
import { retryAfterMs } from '../shared/http/retry-after.ts'
import { Malformed } from '../shared/malformed.ts'
import { unavailable } from './failure.ts'
import { encodePath } from './path.ts'
import { Pauses } from './pauses.ts'
import { leaderOf, originsOf } from './redirect.ts'
import { Reply } from './reply.ts'

export interface VaultRequest {
  readonly method?: 'GET' | 'POST' | 'PUT'
  /** As a policy names it, without `/v1/`. */
  readonly path: string
  /** What follows `?`, encoded. */
  readonly query?: string
  readonly json?: unknown
  /** The token; none for a login. */
  readonly token?: string
}

/** Milliseconds before a replica is asked again that has not caught up (412): the same few times for each request. */
const catchUp = [100, 200, 400]

/** A standby names the leader; one that names another standby is asked no further than this. */
const mostHops = 2

/** Requests with Vault's headers: a standby's redirects are followed, and a replica that lags is asked again. */
export class VaultClient {
  readonly #config: VaultProviderConfig
  readonly #context: ProviderContext
  readonly #pauses: Pauses
  /** By origin: the server's own, and those of `redirectHosts`. */
  readonly #clients: ReadonlyMap<string, ApiClient>
  readonly #main: ApiClient

  constructor(config: VaultProviderConfig, context: ProviderContext) {
    this.#config = config
    this.#context = context
    this.#pauses = new Pauses(context.clock)
    const { timeout, maxBody, ca, certificate, key, maxConcurrentCalls } = config
    const [own, ...others] = originsOf(config)
    const clientOf = (origin: string, option: string): ApiClient =>
      new ApiClient({
        name: context.name,
        origin,
        option,
        clock: context.clock,
        timeout,
        maxBody,
        // A call asks one thing at a time; logins, renewals and lists come beside the calls.
        connections: maxConcurrentCalls + 8,
        ca,
        certificate,
        key,
      })
    this.#main = clientOf(own, 'url')
    this.#clients = new Map([
      [own, this.#main],
      ...others.map((origin): [string, ApiClient] => [origin, clientOf(origin, 'redirectHosts')]),
    ])
  }

  get namespace(): string | undefined {
    return this.#config.namespace
  }

  /** How messages name a request. */
  place({ method = 'GET', path }: Pick<VaultRequest, 'method' | 'path'>): string {
    return this.#main.place({ method, path: `/v1/${encodePath(path)}` })
  }

  /** What a source holds now, without white space around it. Rejects with a ProviderError (*credential*). */
  async read(source: StringSource, option: string): Promise<string> {
    return (await this.#main.read(source, option)).trim()
  }

  /** The answer, whatever its status. Rejects with a ProviderError where there is none, or none that can be read. */
  async send(request: VaultRequest, signal: AbortSignal): Promise<Reply> {
    const place = this.place(request)
    for (const pause of catchUp) {
      const reply = await this.#once(request, place, signal)
      if (reply.status !== 412) return reply
      await this.#pauses.pass(pause, signal, place)
    }
    return await this.#once(request, place, signal)
  }

  /** Ends all that is under way. */
  async close(): Promise<void> {
    this.#pauses.end()
    await Promise.all(this.#clients.values().map((client) => client.close()))
  }

  async #once(request: VaultRequest, place: string, signal: AbortSignal): Promise<Reply> {
    const { clock } = this.#context
    const askedAt = clock.now()
    const answer = await this.#follow(request, place, signal)
    const { status, headers, body } = answer
    const wait = retryAfterMs(headers.get('retry-after'), clock.wall())
    try {
      return new Reply({ status, place, retryAfterMs: wait, askedAt }, body)
    } catch (error) {
      if (!(error instanceof Malformed)) throw error
      throw unavailable(place, error.reason, `the answer cannot be read: ${error.message}. Is it Vault?`)
    } finally {
      body.fill(0)
    }
  }

  /** Method, body and token stay the same at the leader; the path is ours, whatever the standby says of it. */
  async #follow(request: VaultRequest, place: string, signal: AbortSignal): Promise<Answer> {
    let client = this.#main
    for (let hops = 0; ; hops++) {
      const answer = await client.ask(this.#outgoing(request), signal)
      if (answer.status < 300 || answer.status > 399) return answer
      answer.body.fill(0)
      const leader = leaderOf(answer, this.#clients, place)
      if (hops === mostHops) {
        throw unavailable(place, 'redirect', 'one standby sends on to the next. See which of them leads.')
      }
      client = leader
    }
  }

  #outgoing({ method = 'GET', path, query, json, token }: VaultRequest): Parameters<ApiClient['ask']>[0] {
    const { namespace } = this.#config
    return {
      method,
      path: `/v1/${encodePath(path)}${query === undefined ? '' : `?${query}`}`,
      ...(json !== undefined && { json }),
      headers: {
        'x-vault-request': 'true',
        ...(namespace !== undefined && { 'x-vault-namespace': `${encodePath(namespace)}/` }),
        ...(token !== undefined && { 'x-vault-token': token }),
      },
    }
  }
}
