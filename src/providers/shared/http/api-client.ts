import type { StringSource } from '../../../config/source.ts'
import { CodedError } from '../../../errors.ts'
import { type Clock, ProviderError } from '../../../secrets/provider.ts'
import { Connection, type Lease, type TlsMaterial, UnusableMaterial } from './connection.ts'
import { withDeadline } from './deadline.ts'
import { type Answer, exchange, type Outgoing } from './exchange.ts'
import { transportFailure } from './failure.ts'

export interface ApiClientOptions {
  /** The provider's name in the configuration. */
  readonly name: string
  /** `https://host:port`. */
  readonly origin: string
  /** The option that names it, for messages; `url` by default. */
  readonly option?: string
  readonly clock: Clock
  /** Milliseconds for one request, from connecting to the last byte. */
  readonly timeout: number
  /** Bytes of one answer. */
  readonly maxBody: number
  /** How many connections at the most: as many as calls may be under way, and those that a call makes at a time. */
  readonly connections: number
  /** In PEM, each read again for every request, so that what is rotated is taken over. */
  readonly ca?: StringSource | undefined
  readonly certificate?: StringSource | undefined
  readonly key?: StringSource | undefined
}

export interface ApiRequest {
  readonly method?: Outgoing['method']
  /** Path and query, encoded. */
  readonly path: string
  /** Names in lower case. */
  readonly headers?: Readonly<Record<string, string>>
  /** Sent as JSON, unless it is text already: then `content-type` is among the headers. */
  readonly json?: unknown
  readonly body?: string
}

/**
 * Requests to the REST API of a backend: one origin, each request under one deadline, no redirects followed. An answer
 * is an answer, whatever its status; what it means is the backend's own affair.
 */
export class ApiClient {
  readonly #options: ApiClientOptions
  readonly #connection: Connection

  constructor(options: ApiClientOptions) {
    const { origin, timeout, connections } = options
    this.#options = options
    this.#connection = new Connection({ origin, timeout, connections })
  }

  /** How messages name a request; what follows `?` is left out. */
  place({ method = 'GET', path }: Pick<ApiRequest, 'method' | 'path'>): string {
    const { name, origin } = this.#options
    return `provider "${name}": ${method} ${origin}${path.replace(/\?.*$/s, '')}`
  }

  /**
   * The answer, with its body also where it tells of an error: that is for finding out what is wrong, and never shown,
   * as it may quote anything. Whoever takes a body overwrites it when it has been read. Rejects with a ProviderError
   * where there is no answer.
   */
  async ask(request: ApiRequest, signal: AbortSignal): Promise<Answer> {
    const { clock, timeout } = this.#options
    const place = this.place(request)
    return await withDeadline(
      {
        clock,
        timeout,
        signal,
        onTimeout: () => {
          const words = `no complete answer within ${timeout} ms. Check the backend, or raise timeout.`
          return new ProviderError('unavailable', 'timeout', `${place}: ${words}`)
        },
        onAbort: () => new ProviderError('unavailable', 'aborted', `${place}: the request was given up.`),
      },
      (inner) => this.#exchange(request, place, inner),
    )
  }

  /** What a source holds now. Rejects with a ProviderError (*credential*) that names the option and the place. */
  async read(source: StringSource, option: string): Promise<string> {
    try {
      return await source.read()
    } catch (error) {
      // The message of a coded error is made to be shown; what else may be thrown is not known to be.
      const words = error instanceof CodedError ? error.message : `${source.describe()} cannot be read.`
      throw new ProviderError(
        'unavailable',
        'credential',
        `provider "${this.#options.name}": ${option}: ${words}`,
      )
    }
  }

  /** Ends all requests and connections. */
  async close(): Promise<void> {
    await this.#connection.close()
  }

  /** A pool of connections for an exchange of the caller's own making, a stream say. */
  async lease(place: string): Promise<Lease> {
    const tls = await this.#material()
    try {
      return this.#connection.lease(tls)
    } catch (error) {
      if (!(error instanceof UnusableMaterial)) throw transportFailure(place, error, this.#options.option)
      const from = this.#options[error.what]?.describe()
      const words = `${error.what}, from ${from}, is not usable: ${error.message}.`
      throw new ProviderError('unavailable', 'credential', `${place}: ${words}`)
    }
  }

  async #material(): Promise<TlsMaterial> {
    const { ca, certificate, key } = this.#options
    const read = (source: StringSource | undefined, option: string) =>
      source === undefined ? undefined : this.read(source, option)
    return {
      ca: await read(ca, 'ca'),
      certificate: await read(certificate, 'certificate'),
      key: await read(key, 'key'),
    }
  }

  async #exchange(request: ApiRequest, place: string, signal: AbortSignal): Promise<Answer> {
    const { maxBody, option } = this.#options
    const { method, path, json } = request
    const body = json === undefined ? request.body : JSON.stringify(json)
    const headers = {
      accept: 'application/json',
      // Compression beside a secret tells its length apart; and a bound on bytes should be one on what is unpacked.
      'accept-encoding': 'identity',
      'user-agent': 'sidekeep',
      ...(json !== undefined && { 'content-type': 'application/json' }),
      ...request.headers,
    }
    const lease = await this.lease(place)
    try {
      return await exchange(
        lease.pool,
        {
          path,
          headers,
          place,
          maxBody,
          keepsErrors: true,
          ...(method !== undefined && { method }),
          ...(body !== undefined && { body }),
          ...(option !== undefined && { option }),
        },
        signal,
      )
    } finally {
      lease.release()
    }
  }
}
