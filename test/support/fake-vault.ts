/**
 * A server on loopback that speaks as much of Vault's API as the provider uses, as Vault and OpenBao do, and strictly:
 * what they would refuse it refuses, and what they would overlook (a header that should be there) fails the test.
 */
import type { IncomingMessage, ServerResponse } from 'node:http'
import { TLSSocket } from 'node:tls'
import type { Test } from 'tap'
import { systemClock } from '../../src/secrets/clock.ts'
import type { Clock } from '../../src/secrets/provider.ts'
import { type Backend, startBackend } from './backend.ts'
import type { ServerCertificate } from './certificates.ts'
import { envelope, type FakeAnswer, type FakeRequest, failed, nothing, refused } from './fake-vault-answer.ts'
import { FakeAuth } from './fake-vault-auth.ts'
import { FakeKv } from './fake-vault-kv.ts'
import { FakeLeases } from './fake-vault-leases.ts'
import { FakeTokens, permits, reaches, type TokenSpec } from './fake-vault-tokens.ts'

/** What answers below a mount that is no KV engine. */
export type Engine = (request: FakeRequest, path: string) => FakeAnswer | undefined

export interface FakeVaultOptions {
  readonly clock?: Clock
  readonly tls?: ServerCertificate
  /** What the namespace header has to be. */
  readonly namespace?: string
}

export async function startFakeVault(t: Test, options: FakeVaultOptions = {}): Promise<FakeVault> {
  const backend = await startBackend(t, options.tls === undefined ? {} : { tls: options.tls })
  const vault = new FakeVault(backend, options)
  t.teardown(() => {
    if (vault.violations.length > 0) throw new Error(`no client of Vault: ${vault.violations.join('; ')}`)
  })
  return vault
}

export class FakeVault {
  readonly backend: Backend
  readonly tokens: FakeTokens
  readonly leases: FakeLeases
  readonly auth: FakeAuth
  readonly kv = new Map<string, FakeKv>()
  readonly engines = new Map<string, Engine>()
  /** What no client of Vault should send. */
  readonly violations: string[] = []
  /** What was asked, oldest first: `GET kv/data/app?version=3`. */
  readonly asked: string[] = []
  /** The bodies of those requests. */
  readonly bodies: Record<string, unknown>[] = []
  /** Answers in place of the protocol, where it brings something. */
  intercept: (request: FakeRequest) => FakeAnswer | 'hang' | 'reset' | undefined = () => undefined
  readonly #namespace: string | undefined

  constructor(backend: Backend, { clock = systemClock, namespace }: FakeVaultOptions) {
    this.backend = backend
    this.tokens = new FakeTokens(clock)
    this.leases = new FakeLeases(clock)
    this.tokens.onEnded = (token) => this.leases.endWith(token)
    this.auth = new FakeAuth(this.tokens)
    this.#namespace = namespace
    backend.handler = (request, response) => this.#handle(request, response)
  }

  get url(): string {
    return this.backend.origin
  }

  /** How often something was asked that fits. */
  count(pattern: RegExp): number {
    return this.asked.filter((line) => pattern.test(line)).length
  }

  mountKv(mount: string, version: 1 | 2): FakeKv {
    const kv = new FakeKv(version)
    this.kv.set(mount, kv)
    return kv
  }

  /** A token's text. */
  token(spec: TokenSpec = {}): string {
    return this.tokens.make(spec).id
  }

  #handle(request: IncomingMessage, response: ServerResponse): void {
    const chunks: Buffer[] = []
    request.on('data', (chunk: Buffer) => chunks.push(chunk))
    request.on('end', () => {
      const asked = this.#read(request, Buffer.concat(chunks))
      const answer = this.intercept(asked) ?? this.#answer(asked)
      if (answer === 'hang') return
      if (answer === 'reset') request.socket.resetAndDestroy()
      else send(response, answer)
    })
  }

  #read(request: IncomingMessage, bytes: Buffer): FakeRequest {
    const url = new URL(request.url ?? '', 'http://fake')
    const query = url.searchParams
    const isList = request.method === 'GET' && query.get('list') === 'true'
    const method = isList ? 'LIST' : request.method
    const path = decodeURIComponent(url.pathname).replace(/^\/v1\//, '')
    if (method !== 'GET' && method !== 'LIST' && method !== 'POST' && method !== 'PUT') {
      throw new Error(`no request of the provider: ${method}`)
    }
    this.asked.push(`${method} ${path}${query.has('version') ? url.search : ''}`)
    this.#check(request, url, bytes)
    const body: Record<string, unknown> = bytes.length === 0 ? {} : JSON.parse(bytes.toString('utf8'))
    this.bodies.push(body)
    const tokenText = request.headers['x-vault-token']?.toString()
    const { socket } = request
    const hasCertificate = socket instanceof TLSSocket && socket.authorized
    return {
      method,
      path,
      query,
      body,
      tokenText,
      token: this.tokens.alive(tokenText),
      hasCertificate,
      socket,
    }
  }

  #check({ method, headers }: IncomingMessage, url: URL, bytes: Buffer): void {
    const check = (holds: boolean, words: string): void => {
      if (!holds) this.violations.push(`${method} ${url.pathname}: ${words}`)
    }
    check(url.pathname.startsWith('/v1/'), 'the path is outside of /v1/')
    check(!/\/\/|\/\.\.?(\/|$)|%2f/i.test(url.pathname), 'the path leads elsewhere')
    check(headers['x-vault-request'] === 'true', 'X-Vault-Request is missing')
    check(headers['x-vault-namespace'] === this.#namespace, 'the namespace is another one')
    check(headers.authorization === undefined, 'there is a second token')
    check(
      [...url.searchParams.keys()].every((name) => name === 'list' || name === 'version'),
      'strange query',
    )
    const isJson = headers['content-type'] === 'application/json'
    check(bytes.length === 0 || isJson, 'a body that is no JSON')
    check(method !== 'GET' || bytes.length === 0, 'a GET with a body')
  }

  #answer(request: FakeRequest): FakeAnswer {
    const { path, token, method } = request
    const [, mount] = /^auth\/(.+)\/login$/.exec(path) ?? []
    if (mount !== undefined) return this.auth.login(mount, request)
    if (path.startsWith('sys/wrapping/')) return this.auth.wrapping(request)
    if (token === undefined) return refused
    if (path === 'sys/internal/ui/mounts') return this.#mounts(request)
    if (path.startsWith('sys/internal/ui/mounts/')) return this.#mountOf(request)
    const capability = method === 'GET' ? 'read' : method === 'LIST' ? 'list' : 'update'
    if (!permits(token, path, capability)) return refused
    if (path.startsWith('auth/token/')) return this.#ofToken(request)
    if (path.startsWith('sys/leases/')) return this.leases.answer(request)
    return this.#engine(request)
  }

  #engine(request: FakeRequest): FakeAnswer {
    const { path } = request
    if (path.includes('..')) return failed(400, 'relative paths not supported')
    for (const [mount, kv] of this.kv)
      if (path.startsWith(mount)) return kv.answer(request, path.slice(mount.length))
    for (const [mount, engine] of this.engines) {
      if (path.startsWith(mount)) return engine(request, path.slice(mount.length)) ?? nothing
    }
    return failed(404, `no handler for route "${path}". route entry not found.`)
  }

  #ofToken({ path, method, body, token }: FakeRequest): FakeAnswer {
    if (token === undefined) return refused
    const [verb] = path.split('/').slice(-1)
    if (verb === 'lookup-self' && method === 'GET') {
      const ttl = this.tokens.left(token)
      return envelope({
        data: { id: token.id, accessor: 'CANARY-accessor', ttl, renewable: token.renewable },
      })
    }
    if (method === 'GET') return failed(405, 'unsupported operation')
    if (verb === 'revoke-self') {
      if (token.isBatch) return failed(400, 'batch tokens cannot be revoked')
      this.tokens.revoke(token)
      return { status: 204 }
    }
    if (!token.renewable) return failed(400, 'lease is not renewable')
    const [, seconds] = /^(\d+)s$/.exec(String(body.increment)) ?? []
    if (seconds === undefined) return failed(400, 'error converting input')
    const lease_duration = this.tokens.renew(token, Number(seconds))
    return envelope({
      auth: { client_token: token.id, accessor: 'CANARY-accessor', lease_duration, renewable: true },
    })
  }

  #mountOf({ path, token }: FakeRequest): FakeAnswer {
    const wanted = `${path.slice('sys/internal/ui/mounts/'.length)}/`
    const found = this.#all().find(([mount]) => wanted.startsWith(mount))
    // One that is not there looks like one that is denied, so that nobody can find out which there are.
    if (token === undefined || found === undefined || !reaches(token, found[0])) {
      return failed(
        403,
        'preflight capability check returned 403, please ensure client policies grant access',
      )
    }
    return envelope({ data: { path: found[0], ...found[1] } })
  }

  #mounts({ token }: FakeRequest): FakeAnswer {
    const secret = this.#all().filter(([mount]) => token !== undefined && reaches(token, mount))
    return envelope({ data: { auth: {}, secret: Object.fromEntries(secret) } })
  }

  #all(): [string, { type: string; options: unknown }][] {
    return [
      ...[...this.kv].map(([mount, { version }]): [string, { type: string; options: unknown }] => [
        mount,
        { type: 'kv', options: version === 2 ? { version: '2' } : null },
      ]),
      ...[...this.engines.keys()].map((mount): [string, { type: string; options: unknown }] => [
        mount,
        { type: mount.replace(/\/$/, ''), options: null },
      ]),
    ]
  }
}

function send(response: ServerResponse, { status, body, headers }: FakeAnswer): void {
  const text = body === undefined ? '' : typeof body === 'string' ? body : JSON.stringify(body)
  response.writeHead(status, {
    'content-type': 'application/json',
    ...(status !== 204 && { 'content-length': Buffer.byteLength(text) }),
    ...headers,
  })
  response.end(text)
}
