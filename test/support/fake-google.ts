/**
 * A Google Cloud on loopback, HTTP or HTTPS: Secret Manager (REST v1, global and regional), the token endpoint for keys
 * and refresh tokens, the exchange of tokens (STS), IAM Service Account Credentials and the metadata server. It is
 * strict: what the real one would refuse, it refuses, and what no client should ever send fails the test.
 */
import { once } from 'node:events'
import http, { type IncomingHttpHeaders, type IncomingMessage, type ServerResponse } from 'node:http'
import https from 'node:https'
import type { Socket } from 'node:net'
import { text } from 'node:stream/consumers'
import type { Test } from 'tap'
import type { ServerCertificate } from './certificates.ts'
import { FakeGoogleLogins } from './fake-google-logins.ts'
import { FakeGoogleSecrets } from './fake-google-secrets.ts'

export interface GoogleRequest {
  readonly method: string
  readonly url: URL
  readonly headers: IncomingHttpHeaders
  readonly body: string
}

export interface GoogleAnswer {
  readonly status: number
  readonly body?: string
  readonly headers?: Readonly<Record<string, string>>
}

/** Answers in place of the fake, or lets it answer (undefined). */
export type Intercept = (
  request: GoogleRequest,
  raw: { readonly request: IncomingMessage; readonly response: ServerResponse },
) => GoogleAnswer | 'hang' | 'handled' | undefined

export interface FakeGoogleOptions {
  readonly tls?: ServerCertificate
  /** ID and number of the project that the machine and the key belong to. */
  readonly project?: { readonly id: string; readonly number: string }
  /** Secret Manager is the one of this location, where it is regional. */
  readonly location?: string
}

export class FakeGoogle {
  readonly secrets: FakeGoogleSecrets
  readonly logins: FakeGoogleLogins
  /** What came, oldest first. */
  readonly requests: GoogleRequest[] = []
  intercept: Intercept | undefined
  /** What no client should ever send. */
  readonly offences: string[] = []
  readonly #tls: ServerCertificate | undefined
  readonly #sockets = new Set<Socket>()
  #server: http.Server | https.Server | undefined
  #port = 0

  constructor({ tls, project = { id: 'my-project', number: '123456789012' }, location }: FakeGoogleOptions) {
    this.#tls = tls
    this.logins = new FakeGoogleLogins(project, () => this.origin)
    this.secrets = new FakeGoogleSecrets(project, location, (token) => this.logins.accepts(token))
  }

  get origin(): string {
    return `${this.#tls === undefined ? 'http' : 'https'}://127.0.0.1:${this.#port}`
  }

  get host(): string {
    return `127.0.0.1:${this.#port}`
  }

  get sockets(): ReadonlySet<Socket> {
    return this.#sockets
  }

  /** The paths that were asked for, with their queries. */
  asked(part: string): string[] {
    return this.requests
      .map(({ url }) => `${url.pathname}${url.search}`)
      .filter((path) => path.includes(part))
  }

  async start(): Promise<void> {
    const handle = (request: IncomingMessage, response: ServerResponse): void => {
      this.#handle(request, response).catch((error: unknown) => {
        if (!request.destroyed) this.offences.push(`the fake failed: ${String(error)}`)
        response.destroy()
      })
    }
    const server =
      this.#tls === undefined ? http.createServer(handle) : https.createServer({ ...this.#tls }, handle)
    server.on('connection', (socket: Socket) => {
      this.#sockets.add(socket)
      socket.on('error', () => {}).once('close', () => this.#sockets.delete(socket))
    })
    server.on('tlsClientError', () => {})
    server.listen(this.#port, '127.0.0.1')
    await once(server, 'listening')
    this.#server = server
    const address = server.address()
    if (typeof address === 'object' && address !== null) this.#port = address.port
  }

  async stop(): Promise<void> {
    const server = this.#server
    if (server === undefined) return
    this.#server = undefined
    const closed = once(server, 'close')
    server.close()
    for (const socket of this.#sockets) socket.destroy()
    await closed
  }

  async #handle(raw: IncomingMessage, response: ServerResponse): Promise<void> {
    const url = new URL(raw.url ?? '', this.origin)
    const method = raw.method ?? ''
    this.#inspect(raw)
    const request = { method, url, headers: raw.headers, body: await text(raw) }
    this.requests.push(request)
    const other = this.intercept?.(request, { request: raw, response })
    if (other === 'hang' || other === 'handled') return
    const answer = other ?? this.secrets.answer(request) ?? this.logins.answer(request)
    if (answer === undefined) this.offences.push(`${method} ${url.pathname} is nothing that Google has`)
    send(response, answer ?? { status: 404, body: '<html>CANARY-not-found</html>' })
  }

  #inspect({ url = '', headers, method }: IncomingMessage): void {
    // A path that a proxy would read otherwise than we do.
    if (/%2f|%5c|%2e|\/\.\.?(\/|$)|\/\/|\\/i.test(url.split('?')[0] ?? ''))
      this.offences.push(`the path ${url}`)
    if (headers['accept-encoding'] !== 'identity')
      this.offences.push('an answer in another encoding is asked for')
    if (headers.authorization !== undefined && !/^(Bearer|Basic) [!-~]+$/.test(headers.authorization)) {
      this.offences.push('an Authorization without Bearer or Basic')
    }
    if (method === 'GET' && headers['content-length'] !== undefined) this.offences.push('a GET with a body')
    if (headers['x-goog-user-project'] === '') this.offences.push('an empty x-goog-user-project')
  }
}

function send(response: ServerResponse, { status, body = '', headers = {} }: GoogleAnswer): void {
  response.writeHead(status, {
    'content-type': 'application/json; charset=UTF-8',
    'content-length': Buffer.byteLength(body),
    ...headers,
  })
  response.end(body)
}

/** Starts one that ends with the test, and that fails it where a client misbehaved. */
export async function startFakeGoogle(t: Test, options: FakeGoogleOptions = {}): Promise<FakeGoogle> {
  const google = new FakeGoogle(options)
  await google.start()
  t.teardown(async () => {
    await google.stop()
    // No assertion may follow the end of a test, but an error fails it all the same.
    if (google.offences.length > 0)
      throw new Error(`Google would not understand: ${google.offences.join('; ')}`)
  })
  return google
}

/** An error as Google's APIs write it (AIP-193). The message is such as must never be shown. */
export function googleError(
  status: number,
  code: string,
  more: { readonly message?: string; readonly reason?: string; readonly details?: readonly object[] } = {},
): GoogleAnswer {
  const { message = 'CANARY-message', reason, details = [] } = more
  const info = {
    '@type': 'type.googleapis.com/google.rpc.ErrorInfo',
    reason,
    domain: 'googleapis.com',
    metadata: { service: 'secretmanager.googleapis.com', consumer: 'CANARY-consumer' },
  }
  const all = [...(reason === undefined ? [] : [info]), ...details]
  return { status, body: JSON.stringify({ error: { code: status, message, status: code, details: all } }) }
}
