/** The demo's provider: a small secrets service over real HTTP, with a bearer token, that can be stopped and started. */
import { randomBytes, timingSafeEqual } from 'node:crypto'
import type { IncomingMessage, Server, ServerResponse } from 'node:http'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'

interface DemoSecret {
  value: unknown
  version: number
}

export class DemoBackend {
  readonly #token: string
  readonly #secrets = new Map<string, DemoSecret>()
  #server: Server | undefined
  #port: number

  constructor(port: number, token: string) {
    this.#port = port
    this.#token = token
    this.#secrets.set('db-password', { value: randomText(), version: 1 })
    this.#secrets.set('stripe-live', {
      value: { key: `sk_demo_${randomText()}`, account: 'demo' },
      version: 1,
    })
    this.#secrets.set('shared-greeting', { value: 'hello from the provider', version: 1 })
  }

  get url(): string {
    return `http://127.0.0.1:${this.#port}/secrets`
  }

  get isRunning(): boolean {
    return this.#server !== undefined
  }

  /** Begins to answer, on the same port as before. Rejects with the error of the operating system. */
  async start(): Promise<void> {
    if (this.#server !== undefined) return
    const server = createServer((request, response) => this.#answer(request, response))
    await listen(server, this.#port)
    this.#port = (server.address() as AddressInfo).port
    this.#server = server
  }

  /** Refuses connections from now on, as a backend does that is down. */
  async stop(): Promise<void> {
    const server = this.#server
    if (server === undefined) return
    this.#server = undefined
    await close(server)
  }

  /** Gives a secret a new value. */
  rotate(name: 'db-password'): number {
    const version = (this.#secrets.get(name)?.version ?? 0) + 1
    this.#secrets.set(name, { value: randomText(), version })
    return version
  }

  #answer(request: IncomingMessage, response: ServerResponse): void {
    if (!this.#isAuthorized(request)) {
      response.writeHead(401, { 'www-authenticate': 'Bearer' }).end()
      return
    }
    if (request.url !== '/secrets') {
      response.writeHead(404).end()
      return
    }
    const etag = `"${[...this.#secrets.values()].map((secret) => secret.version).join('-')}"`
    if (request.headers['if-none-match'] === etag) {
      response.writeHead(304, { etag }).end()
      return
    }
    const list = [...this.#secrets].map(([name, { value, version }]) => ({
      name,
      value,
      version: `v${version}`,
    }))
    response.writeHead(200, { 'content-type': 'application/json', etag }).end(JSON.stringify(list))
  }

  #isAuthorized(request: IncomingMessage): boolean {
    const given = Buffer.from(request.headers.authorization ?? '')
    const expected = Buffer.from(`Bearer ${this.#token}`)
    return given.length === expected.length && timingSafeEqual(given, expected)
  }
}

function randomText(): string {
  return randomBytes(12).toString('base64url')
}

export function listen(server: Server, port: number): Promise<void> {
  const { promise, resolve, reject } = Promise.withResolvers<void>()
  server.once('error', reject)
  server.listen(port, '127.0.0.1', () => {
    server.removeListener('error', reject)
    resolve()
  })
  return promise
}

export function close(server: Server): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>()
  server.close(() => resolve())
  server.closeAllConnections()
  return promise
}
