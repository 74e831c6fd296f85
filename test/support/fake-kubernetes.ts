/**
 * A strict API server of Kubernetes on loopback, as far as Secrets are read: it knows who asks and what that may do, lists
 * in pages, and watches. What a real one would refuse it refuses, and a test fails at its end where a request was not one
 * that a client should make. On demand it misbehaves.
 */
import { once } from 'node:events'
import http, { type IncomingMessage, type ServerResponse } from 'node:http'
import https from 'node:https'
import type { AddressInfo, Socket } from 'node:net'
import type { Test } from 'tap'
import type { ServerCertificate } from './certificates.ts'
import { listOf, objectOf, statusOf } from './fake-kubernetes-objects.ts'
import { FakeStore, parseSelector, type Selection } from './fake-kubernetes-store.ts'
import { FakeWatch } from './fake-kubernetes-watch.ts'

/** What a token, or a client certificate, may do in one namespace (kubernetes.io, "Using RBAC Authorization"). */
export interface Grant {
  readonly namespace: string
  readonly verbs: readonly string[]
  readonly resourceNames?: readonly string[]
}

export interface SeenRequest {
  readonly verb: string
  readonly path: string
  readonly query: Readonly<Record<string, string>>
  readonly name: string | undefined
  readonly accept: string
}

export type Misbehaviour = (request: IncomingMessage, response: ServerResponse) => void

export interface FakeKubernetesOptions {
  readonly tls?: ServerCertificate
  /** What paths begin with. Default: nothing. */
  readonly basePath?: string
  /** By token. Default: everything in the namespace `app` for `CANARY-token`. */
  readonly grants?: Readonly<Record<string, readonly Grant[]>>
}

export const everything: Grant = { namespace: 'app', verbs: ['get', 'list', 'watch'] }

/** Starts one that is closed, with all its connections, when the test ends. */
export async function startKubernetes(t: Test, options: FakeKubernetesOptions = {}): Promise<FakeKubernetes> {
  const fake = new FakeKubernetes(options)
  await fake.start()
  t.teardown(async () => {
    await fake.stop()
    if (fake.violations.length > 0)
      throw new Error(`the API server was asked wrongly: ${fake.violations.join('; ')}`)
  })
  return fake
}

const listParameters = new Set(['limit', 'continue', 'labelSelector', 'fieldSelector'])
const watchParameters = new Set([
  'watch',
  'resourceVersion',
  'allowWatchBookmarks',
  'timeoutSeconds',
  'labelSelector',
  'fieldSelector',
])

export class FakeKubernetes {
  readonly store = new FakeStore()
  /** By token; a token that is not among them is not accepted. */
  grants: Map<string, readonly Grant[]>
  /** Answers in place of the API, where it is set and gives one for the request. */
  misbehaviour: ((seen: SeenRequest) => Misbehaviour | undefined) | undefined
  /** A watch from before the compaction is answered 410 itself, rather than with an event. */
  goneByStatus = false
  /** Called between two pages of a list. */
  betweenPages: () => void = () => {}
  /** The largest page; 0: as large as is asked for. */
  pageSize = 0
  readonly seen: SeenRequest[] = []
  readonly violations: string[] = []
  readonly watches = new Set<FakeWatch>()
  readonly #basePath: string
  readonly #tls: ServerCertificate | undefined
  readonly #sockets = new Set<Socket>()
  readonly #waiting = new Set<{ isMet: () => boolean; resolve: () => void }>()
  #server: http.Server | undefined
  #port = 0

  constructor({ tls, basePath = '', grants = { 'CANARY-token': [everything] } }: FakeKubernetesOptions) {
    this.#tls = tls
    this.#basePath = basePath
    this.grants = new Map(Object.entries(grants))
    this.store.onChange = (change) => {
      for (const watch of this.watches) watch.tell(change)
    }
  }

  get url(): string {
    return `${this.#tls === undefined ? 'http' : 'https'}://127.0.0.1:${this.#port}${this.#basePath}`
  }

  get port(): number {
    return this.#port
  }

  /** What was asked: `get db`, `list`, `watch db`. */
  get asked(): string[] {
    return this.seen.map(({ verb, name }) => (name === undefined ? verb : `${verb} ${name}`))
  }

  count(asked: string): number {
    return this.asked.filter((one) => one === asked).length
  }

  /** Resolves when so many watches are open; with a name, watches of that Secret. */
  async watched(count = 1, name?: string): Promise<void> {
    await this.#until(
      () =>
        [...this.watches].filter(({ selection }) => name === undefined || selection.name === name).length >=
        count,
    )
  }

  /** Resolves when that was asked so often. */
  async wasAsked(asked: string, times: number): Promise<void> {
    await this.#until(() => this.count(asked) >= times)
  }

  /** Resolves when no watch is open any more. */
  async unwatched(): Promise<void> {
    await this.#until(() => this.watches.size === 0)
  }

  async start(): Promise<void> {
    const handle = (request: IncomingMessage, response: ServerResponse): void =>
      this.#handle(request, response)
    const server = this.#tls === undefined ? http.createServer(handle) : https.createServer(this.#tls, handle)
    server.on('connection', (socket: Socket) => {
      this.#sockets.add(socket)
      socket.on('error', () => {}).once('close', () => this.#sockets.delete(socket))
    })
    server.on('tlsClientError', () => {})
    server.listen(this.#port, '127.0.0.1')
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

  async #until(isMet: () => boolean): Promise<void> {
    if (isMet()) return
    const { promise, resolve } = Promise.withResolvers<void>()
    const waiting = { isMet, resolve }
    this.#waiting.add(waiting)
    await promise
    this.#waiting.delete(waiting)
  }

  #moved(): void {
    for (const { isMet, resolve } of this.#waiting) if (isMet()) resolve()
  }

  #handle(request: IncomingMessage, response: ServerResponse): void {
    const url = new URL(request.url ?? '/', 'http://fake')
    const match = new RegExp(`^${this.#basePath}/api/v1/namespaces/([a-z0-9-]+)/secrets(?:/([^/]+))?$`).exec(
      url.pathname,
    )
    const query = Object.fromEntries(url.searchParams)
    const named = match?.[2] ?? /^metadata\.name=(.+)$/.exec(query.fieldSelector ?? '')?.[1]
    const verb = match?.[2] !== undefined ? 'get' : query.watch === 'true' ? 'watch' : 'list'
    const accept = request.headers.accept ?? ''
    const seen = { verb, path: url.pathname, query, name: named, accept }
    this.seen.push(seen)
    const misbehaviour = this.misbehaviour?.(seen)
    if (misbehaviour !== undefined) misbehaviour(request, response)
    else if (request.method !== 'GET') this.#violated(response, `the method ${request.method}`)
    else if (match?.[1] === undefined) sendStatus(response, 404, 'NotFound')
    else if (!/\bapplication\/json\b/.test(accept)) this.#violated(response, `accept: ${accept}`)
    else if (request.headers['accept-encoding'] !== 'identity') this.#violated(response, 'accept-encoding')
    else this.#authorized(request, response, { ...seen, namespace: match[1] })
    this.#moved()
  }

  #authorized(request: IncomingMessage, response: ServerResponse, seen: SeenRequest & { namespace: string }) {
    const { verb, name, namespace } = seen
    const token = /^Bearer (\S+)$/.exec(request.headers.authorization ?? '')?.[1]
    const grants = token === undefined ? [] : this.grants.get(token)
    if (grants === undefined) return sendStatus(response, 401, 'Unauthorized')
    const isAllowed = grants.some(
      (grant) =>
        grant.namespace === namespace &&
        grant.verbs.includes(verb) &&
        // A rule with names says nothing of requests without one.
        (grant.resourceNames === undefined || (name !== undefined && grant.resourceNames.includes(name))),
    )
    if (!isAllowed) return sendStatus(response, 403, 'Forbidden', { name, kind: 'secrets' })
    const isBare = /as=PartialObjectMetadata/.test(seen.accept)
    if (verb === 'get') this.#get(response, seen, isBare)
    else this.#select(request, response, seen, isBare)
  }

  #get(
    response: ServerResponse,
    { namespace, name = '', query }: SeenRequest & { namespace: string },
    isBare: boolean,
  ) {
    if (Object.keys(query).length > 0) return this.#violated(response, 'a query to get a Secret')
    const secret = this.store.get(namespace, name)
    if (secret === undefined) return sendStatus(response, 404, 'NotFound', { name, kind: 'secrets' })
    send(response, 200, objectOf(secret, isBare))
  }

  #select(
    request: IncomingMessage,
    response: ServerResponse,
    { verb, namespace, name, query, accept }: SeenRequest & { namespace: string },
    isBare: boolean,
  ) {
    const labels = parseSelector(query.labelSelector ?? '')
    const unknown = Object.keys(query).find(
      (key) => !(verb === 'watch' ? watchParameters : listParameters).has(key),
    )
    if (labels === undefined) return sendStatus(response, 400, 'BadRequest')
    if (unknown !== undefined) return this.#violated(response, `${verb} with ${unknown}`)
    if (
      isBare !==
      (verb === 'watch' ? /as=PartialObjectMetadata;/ : /as=PartialObjectMetadataList;/).test(accept)
    ) {
      return this.#violated(response, `${verb} as ${accept}`)
    }
    const selection: Selection = { namespace, name, labels }
    if (verb === 'list') this.#list(response, selection, query, isBare)
    else this.#watch(request, response, selection, query, isBare)
  }

  #list(response: ServerResponse, selection: Selection, query: SeenRequest['query'], isBare: boolean) {
    if (!/^[1-9]\d*$/.test(query.limit ?? ''))
      return this.#violated(response, `a list with limit=${query.limit}`)
    const limit = this.pageSize === 0 ? Number(query.limit) : this.pageSize
    let revision = this.store.revision
    let start = 0
    if (query.continue !== undefined) {
      const [at, from] = Buffer.from(query.continue, 'base64').toString().split(' ').map(Number)
      if (at === undefined || from === undefined)
        return this.#violated(response, 'a continue of its own making')
      if (at < this.store.compacted) return sendStatus(response, 410, 'Expired')
      revision = at
      start = from
    }
    const all = this.store.list(selection, revision)
    const items = all.slice(start, start + limit)
    const isLast = start + limit >= all.length
    const next = isLast ? undefined : Buffer.from(`${revision} ${start + limit}`).toString('base64')
    send(response, 200, listOf({ items, revision, next, isBare }))
    if (!isLast) this.betweenPages()
  }

  #watch(
    request: IncomingMessage,
    response: ServerResponse,
    selection: Selection,
    query: SeenRequest['query'],
    isBare: boolean,
  ) {
    const seconds = Number(query.timeoutSeconds)
    if (
      !/^\d+$/.test(query.resourceVersion ?? '') ||
      query.allowWatchBookmarks !== 'true' ||
      !(seconds >= 60)
    ) {
      return this.#violated(response, 'a watch without resourceVersion, bookmarks or timeoutSeconds')
    }
    const from = Number(query.resourceVersion)
    if (from < this.store.compacted && this.goneByStatus) return sendStatus(response, 410, 'Expired')
    const watch = new FakeWatch(response, selection, isBare)
    this.watches.add(watch)
    request.socket.once('close', () => this.#closed(watch))
    response.once('close', () => this.#closed(watch))
    if (from < this.store.compacted) watch.error(statusOf(410, 'Expired'))
    else for (const change of this.store.since(from)) watch.tell(change)
  }

  #closed(watch: FakeWatch): void {
    this.watches.delete(watch)
    this.#moved()
  }

  #violated(response: ServerResponse, what: string): void {
    this.violations.push(what)
    sendStatus(response, 400, 'BadRequest')
  }
}

export function send(
  response: ServerResponse,
  status: number,
  json: object,
  headers: Record<string, string> = {},
) {
  const body = JSON.stringify(json)
  response.writeHead(status, {
    'content-type': 'application/json',
    'content-length': Buffer.byteLength(body),
    ...headers,
  })
  response.end(body)
}

export function sendStatus(
  response: ServerResponse,
  code: number,
  reason: string,
  details: object = {},
): void {
  send(response, code, statusOf(code, reason, details))
}
