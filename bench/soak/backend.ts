/** A real backend on loopback that speaks the protocol of the `http` provider and fails at the socket when told to. */
import { createHash } from 'node:crypto'
import { once } from 'node:events'
import http, { type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo, Socket } from 'node:net'
import { Calls } from './calls.ts'
import { type Fault, misbehaviours } from './faults.ts'
import type { Store } from './store.ts'
import type { Offer } from './timeline.ts'

export interface BackendOptions {
  readonly name: string
  readonly store: Store
  /** Whether it lists all keys at once; else each key has a URL. */
  readonly lists: boolean
  /** What the bearer token has to be. */
  readonly token: string
}

/** A list is believed after it has said the same three times: the fault ends before that. */
const vanishingAnswers = 2

export class Backend {
  readonly name: string
  readonly store: Store
  readonly lists: boolean
  readonly calls = new Calls()
  /** What requests get in place of an answer, until it is changed. */
  fault: Fault | undefined
  readonly #token: string
  readonly #sockets = new Set<Socket>()
  #server: http.Server | undefined
  #port = 0
  #vanished = 0

  constructor({ name, store, lists, token }: BackendOptions) {
    this.name = name
    this.store = store
    this.lists = lists
    this.#token = token
  }

  /** Listens, where it does not already. @returns where; after a stop the same port again */
  async start(): Promise<string> {
    if (this.#server !== undefined) return this.#url
    const server = http.createServer((request, response) => this.#answer(request, response))
    server.on('connection', (socket) => {
      this.#sockets.add(socket)
      socket.once('close', () => this.#sockets.delete(socket))
    })
    server.listen(this.#port, '127.0.0.1')
    await once(server, 'listening')
    this.#server = server
    this.#port = (server.address() as AddressInfo).port
    return this.#url
  }

  get #url(): string {
    return `http://127.0.0.1:${this.#port}`
  }

  /** Refuses connections from now on, and resets those that are open. */
  async stop(): Promise<void> {
    const server = this.#server
    if (server === undefined) return
    this.#server = undefined
    const closed = once(server, 'close')
    server.close()
    for (const socket of this.#sockets) socket.resetAndDestroy()
    await closed
  }

  /** Connections that are open now. */
  get connections(): number {
    return this.#sockets.size
  }

  #answer(request: IncomingMessage, response: ServerResponse): void {
    const arrivedAt = performance.now()
    this.calls.begin(arrivedAt)
    response.once('close', () => this.calls.end())
    const misbehave = this.fault === undefined ? undefined : misbehaviours[this.fault]
    if (misbehave !== undefined) misbehave(request, response)
    else if (request.headers.authorization !== `Bearer ${this.#token}`) send(response, 401, '"CANARY-wrong"')
    else this.#serve(request, response, arrivedAt)
  }

  #serve(request: IncomingMessage, response: ServerResponse, arrivedAt: number): void {
    const [, , ...rest] = (request.url ?? '').split('/')
    if (this.lists) this.#serveList(request, response, arrivedAt)
    else this.#serveKey(rest.map(decodeURIComponent).join('/'), request, response, arrivedAt)
  }

  #serveList(request: IncomingMessage, response: ServerResponse, arrivedAt: number): void {
    const offers = this.store.current
    const isVanishing = this.fault === 'vanish' && this.#vanished < vanishingAnswers
    if (isVanishing) this.#vanished += 1
    else if (this.fault !== 'vanish') this.#vanished = 0
    // Of what vanished nothing is said: that it does not exist is not true.
    const told = isVanishing ? new Map([...offers].slice(0, Math.floor(offers.size / 4))) : offers
    const body = JSON.stringify([...told].flatMap(([name, offer]) => itemOf(offer, { name })))
    const confirm = this.#confirming(told, arrivedAt)
    sendTagged(request, response, body, isVanishing ? () => {} : confirm)
  }

  #serveKey(key: string, request: IncomingMessage, response: ServerResponse, arrivedAt: number): void {
    const offer = this.store.timeline(key)?.current
    if (offer?.value === undefined) {
      if (offer !== undefined) this.#confirming(new Map([[key, offer]]), arrivedAt)()
      send(response, 404, '"CANARY-in-404"')
      return
    }
    const lease = this.store.lease(key)
    const [item] = itemOf(offer, lease === undefined ? {} : { lease })
    sendTagged(request, response, JSON.stringify(item), this.#confirming(new Map([[key, offer]]), arrivedAt))
  }

  /** Notes that offers are being answered with, and returns what notes that the answer left whole. */
  #confirming(offers: ReadonlyMap<string, Offer>, arrivedAt: number): () => void {
    for (const [key, offer] of offers) this.store.timeline(key)?.answered(offer, arrivedAt)
    return () => {
      const now = performance.now()
      for (const [key, { value }] of offers) if (value !== undefined) this.store.timeline(key)?.confirmed(now)
    }
  }
}

function itemOf({ value, version }: Offer, more: object): object[] {
  if (value === undefined) return []
  const text = value.toString('utf8')
  const isText = Buffer.from(text).equals(value)
  const content = isText ? { value: text } : { value: value.toString('base64'), encoding: 'base64' }
  return [{ ...more, ...content, ...(version === undefined ? {} : { version }) }]
}

function sendTagged(
  request: IncomingMessage,
  response: ServerResponse,
  body: string,
  confirm: () => void,
): void {
  const etag = `"${createHash('sha256').update(body).digest('hex').slice(0, 16)}"`
  response.once('finish', confirm)
  if (request.headers['if-none-match'] === etag) response.writeHead(304, { etag }).end()
  else send(response, 200, body, { etag })
}

function send(
  response: ServerResponse,
  status: number,
  body: string,
  headers: Readonly<Record<string, string>> = {},
): void {
  response
    .writeHead(status, {
      ...headers,
      'content-type': 'application/json',
      'content-length': Buffer.byteLength(body),
    })
    .end(body)
}
