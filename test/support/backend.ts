/** A real backend on loopback, HTTP or HTTPS, that speaks the protocol of the `http` provider and misbehaves on demand. */
import { createHash } from 'node:crypto'
import { once } from 'node:events'
import http, { type IncomingHttpHeaders, type IncomingMessage, type ServerResponse } from 'node:http'
import https from 'node:https'
import type { AddressInfo, Socket } from 'node:net'
import type { Test } from 'tap'
import type { ServerCertificate } from './certificates.ts'

export interface BackendItem {
  readonly value: unknown
  readonly version?: string
  /** Seconds. */
  readonly ttl?: number
  readonly encoding?: 'base64'
}

export interface BackendRequest {
  readonly method: string
  /** Path and query, as they came. */
  readonly path: string
  readonly headers: IncomingHttpHeaders
}

export type Handler = (request: IncomingMessage, response: ServerResponse) => void

export interface BackendOptions {
  readonly tls?: ServerCertificate
  /** What the bearer token has to be; without it, any or none is accepted. */
  readonly token?: string
  /** The address to listen on. Default: 127.0.0.1. */
  readonly host?: string
  /** Default: any that is free. */
  readonly port?: number
  readonly secrets?: Iterable<readonly [name: string, item: BackendItem | string]>
}

/** Starts a backend that is closed, with all its connections, when the test ends. */
export async function startBackend(t: Test, options: BackendOptions = {}): Promise<Backend> {
  const backend = new Backend(options)
  await backend.start()
  t.teardown(() => backend.stop())
  return backend
}

/**
 * `GET /secrets` lists all secrets, `GET /secrets/{name}` gives one as JSON and `GET /raw/{name}` as its bytes; each
 * with an ETag. A test changes `secrets` and `token` as it likes, and sets `handler` to answer otherwise.
 */
export class Backend {
  readonly secrets: Map<string, BackendItem>
  token: string | undefined
  /** Where the next `start` listens. */
  host: string
  /** Answers instead of the protocol, where it is set. */
  handler: Handler | undefined
  /** What came, oldest first. */
  readonly requests: BackendRequest[] = []
  #tls: ServerCertificate | undefined
  readonly #sockets = new Set<Socket>()
  #server: http.Server | https.Server | undefined
  #port: number

  constructor({ tls, token, host = '127.0.0.1', port = 0, secrets = [] }: BackendOptions) {
    this.#tls = tls
    this.host = host
    this.#port = port
    this.token = token
    this.secrets = new Map(
      [...secrets].map(([name, item]) => [name, typeof item === 'string' ? { value: item } : item]),
    )
  }

  get port(): number {
    return this.#port
  }

  get origin(): string {
    return `${this.#tls === undefined ? 'http' : 'https'}://${this.host}:${this.#port}`
  }

  get url(): string {
    return `${this.origin}/secrets`
  }

  /** The connections that are open now. */
  get sockets(): ReadonlySet<Socket> {
    return this.#sockets
  }

  /** Listens on the port that it had before, if it had one. */
  async start(): Promise<void> {
    const handle: Handler = (request, response) => this.#handle(request, response)
    const server =
      this.#tls === undefined ? http.createServer(handle) : https.createServer({ ...this.#tls }, handle)
    server.on('connection', (socket: Socket) => {
      this.#sockets.add(socket)
      // A client that goes away, or that does not trust the certificate, is what some tests are about.
      socket.on('error', () => {}).once('close', () => this.#sockets.delete(socket))
    })
    server.on('tlsClientError', () => {})
    server.listen(this.#port, this.host)
    await once(server, 'listening')
    this.#server = server
    const address: AddressInfo | string | null = server.address()
    if (typeof address === 'object' && address !== null) this.#port = address.port
  }

  /** Refuses connections from now on, and ends those that are open. */
  async stop(): Promise<void> {
    const server = this.#server
    if (server === undefined) return
    this.#server = undefined
    const closed = once(server, 'close')
    server.close()
    for (const socket of this.#sockets) socket.destroy()
    await closed
  }

  /** Shows another certificate to whoever connects from now on. Only for a backend that speaks TLS. */
  present(tls: ServerCertificate): void {
    this.#tls = tls
    if (this.#server instanceof https.Server) this.#server.setSecureContext(tls)
  }

  /** Resolves when no connection is open any more. */
  async drained(): Promise<void> {
    await Promise.all([...this.#sockets].map((socket) => once(socket, 'close')))
  }

  #handle(request: IncomingMessage, response: ServerResponse): void {
    this.requests.push({ method: request.method ?? '', path: request.url ?? '', headers: request.headers })
    if (this.handler !== undefined) this.handler(request, response)
    else if (this.token !== undefined && request.headers.authorization !== `Bearer ${this.token}`) {
      answer(401, 'CANARY-in-the-answer-to-a-wrong-token')(request, response)
    } else this.serve(request, response)
  }

  /** Answers by the protocol, whatever `handler` says: for a handler that misbehaves to some requests alone. */
  serve(request: IncomingMessage, response: ServerResponse): void {
    const [, kind, ...rest] = (request.url ?? '').split('?')[0]?.split('/') ?? []
    const name = rest.map(decodeURIComponent).join('/')
    const item = this.secrets.get(name)
    if (kind === 'secrets' && name === '') {
      const list = [...this.secrets].map(([listed, { value, ...more }]) => ({ name: listed, value, ...more }))
      withTag(JSON.stringify(list), 'application/json')(request, response)
    } else if (kind === 'secrets' && item !== undefined) {
      withTag(JSON.stringify(item), 'application/json')(request, response)
    } else if (kind === 'raw' && item !== undefined) {
      withTag(Buffer.from(String(item.value), item.encoding ?? 'utf8'), 'text/plain')(request, response)
    } else answer(404, 'CANARY-in-the-answer-to-a-missing-name')(request, response)
  }
}

function withTag(body: string | Buffer, contentType: string): Handler {
  const etag = `"${createHash('sha256').update(body).digest('hex').slice(0, 16)}"`
  return (request, response) =>
    request.headers['if-none-match'] === etag
      ? answer(304, '', { etag })(request, response)
      : answer(200, body, { etag, 'content-type': contentType })(request, response)
}

/** An answer with its Content-Length. */
export function answer(
  status: number,
  body: string | Buffer = '',
  headers: Record<string, string> = { 'content-type': 'application/json' },
): Handler {
  return (_request, response) => {
    response.writeHead(status, {
      ...headers,
      ...(status === 304 ? {} : { 'content-length': Buffer.byteLength(body) }),
    })
    response.end(body)
  }
}

/** Faults at the socket: what a network and a broken backend do. All carry a marker that must not appear anywhere. */
export const faults = {
  /** The connection is reset before a byte of the answer. */
  resetBeforeHeaders: (request) => void request.socket.resetAndDestroy(),
  /** The connection is reset after half of the body. */
  resetMidBody: (_request, response) => {
    response.writeHead(200, { 'content-type': 'application/json', 'content-length': 1000 })
    response.write('[{"name":"a","value":"CANARY-half', () => response.socket?.resetAndDestroy())
  },
  /** The connection ends in good order after half of the body. */
  closeMidBody: (_request, response) => {
    response.writeHead(200, { 'content-type': 'application/json', 'content-length': 1000 })
    response.write('[{"name":"a","value":"CANARY-half', () => response.socket?.end())
  },
  /** The request is taken and never answered. */
  hang: () => {},
  /** Byte after byte, for ever: never silent for long enough to look dead, and never complete. */
  drip: (_request, response) => {
    response.writeHead(200, { 'content-type': 'application/json' })
    const timer = setInterval(() => response.write(' '), 10)
    response.once('close', () => clearInterval(timer))
  },
  /** Something answers that is no HTTP server. */
  noHttp: (request) => void request.socket.end('CANARY-220 mail.example ESMTP\r\n'),
} as const satisfies Record<string, Handler>
