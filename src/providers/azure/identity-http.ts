import { AsyncLocalStorage } from 'node:async_hooks'
import type { ClientSecretCredentialOptions } from '@azure/identity'

/** The identity library's own shapes; it exports none of them. */
type HttpClient = NonNullable<ClientSecretCredentialOptions['httpClient']>
type Request = Parameters<HttpClient['sendRequest']>[0]
type Response = Awaited<ReturnType<HttpClient['sendRequest']>>
type Headers = Response['headers']

/** A request of the identity library. */
export interface TokenRequest {
  readonly method: 'GET' | 'POST'
  readonly url: URL
  readonly headers: Readonly<Record<string, string>>
  readonly body: string | undefined
}

export interface TokenAnswer {
  readonly status: number
  readonly headers: ReadonlyMap<string, string>
  readonly text: string
}

/** Makes the requests of one sign-in. */
export type Send = (request: TokenRequest) => Promise<TokenAnswer>

const signIn = new AsyncLocalStorage<Send>()

/**
 * All requests of the identity library go through here, and so over our connections: under our deadline, without
 * redirects and retries, and with a bound on what is read.
 *
 * One for the whole process, which finds out itself which sign-in a request belongs to: for managed identities the
 * library keeps the client that it was given first, whoever asks later (`ManagedIdentityClient.identitySource`).
 */
export const identityHttp: HttpClient = {
  async sendRequest(request) {
    const send = signIn.getStore()
    if (send === undefined) throw new Error('a request for a token that nobody asked for')
    const answer = await send(readRequest(request))
    return {
      request,
      status: answer.status,
      headers: new PlainHeaders(answer.headers),
      bodyAsText: answer.text,
    }
  },
}

/** Runs the library with the requests that it makes going to `send`. */
export function withRequests<T>(send: Send, run: () => Promise<T>): Promise<T> {
  return signIn.run(send, run)
}

/** Ours to say: how the answer may be packed, and who asks. */
const ours: ReadonlySet<string> = new Set(['accept-encoding', 'user-agent', 'content-length', 'host'])

function readRequest({ method, url, headers, body }: Request): TokenRequest {
  if (method !== 'GET' && method !== 'POST') throw new Error('a request that nobody expected')
  if (body !== undefined && body !== null && typeof body !== 'string')
    throw new Error('a body that is no text')
  const entries = Object.entries(headers.toJSON()).map(
    ([name, value]) => [name.toLowerCase(), value] as const,
  )
  return {
    method,
    url: new URL(url),
    headers: Object.fromEntries(entries.filter(([name]) => !ours.has(name))),
    body: body ?? undefined,
  }
}

class PlainHeaders implements Headers {
  readonly #all: Map<string, string>

  constructor(all: ReadonlyMap<string, string>) {
    this.#all = new Map(all)
  }

  get(name: string): string | undefined {
    return this.#all.get(name.toLowerCase())
  }

  has(name: string): boolean {
    return this.#all.has(name.toLowerCase())
  }

  set(name: string, value: string | number | boolean): void {
    this.#all.set(name.toLowerCase(), String(value))
  }

  delete(name: string): void {
    this.#all.delete(name.toLowerCase())
  }

  toJSON(): Record<string, string> {
    return Object.fromEntries(this.#all)
  }

  [Symbol.iterator](): Iterator<[string, string]> {
    return this.#all[Symbol.iterator]()
  }
}
