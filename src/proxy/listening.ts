import {
  createServer,
  type ServerOptions as HttpOptions,
  type IncomingMessage,
  type Server,
  ServerResponse,
} from 'node:http'
import { createServer as createTlsServer, type ServerOptions as TlsOptions } from 'node:https'
import type { Socket } from 'node:net'
import type { ProxyConfig } from '../config/schema.ts'
import { wantsWebSocket } from './admission.ts'
import { EarlyBytes } from './early-bytes.ts'

/** Bytes, of the request line and the headers. */
export const maxHeaderSize = 16_384
/** Milliseconds from the first byte of a request to the end of its headers; what is slower is an attack. */
export const headersTimeout = 15_000
/** Milliseconds between two looks at it; Node's default of 30 s would make it 30 s longer. */
const connectionsCheckingInterval = 1_000
/**
 * Milliseconds for which a connection may wait for its next request: longer than load balancers keep theirs (60 s is
 * common), so that it is they who close it, and never we just as they send a request.
 */
const keepAliveTimeout = 75_000

const serverOptions: HttpOptions = {
  keepAliveTimeout,
  headersTimeout,
  maxHeaderSize,
  connectionsCheckingInterval,
  // An upload may take as long as it moves.
  requestTimeout: 0,
  // `inadmissible` answers a missing Host with a problem document; Node's own answer is empty.
  requireHostHeader: false,
  // All others go on as ordinary requests; without this Node would let go of their connections too.
  shouldUpgradeCallback: wantsWebSocket,
}

/** What Node takes for the wish to hear 100 (Continue), and for no other expectation. */
const continueExpected = /(?:^|\W)100-continue(?:$|\W)/i

/** What comes, and how. */
export interface Arrival {
  readonly request: IncomingMessage
  readonly response: ServerResponse
  /** Whether the client waits for 100 (Continue) before it sends the body. */
  readonly awaitsContinue: boolean
  /** Of a client that wants a WebSocket; its connection is for nothing else then. */
  readonly early: EarlyBytes | undefined
}

/**
 * How long a connection may be on which nothing moves in either direction, in milliseconds. Longer than the application
 * may be silent, and a request wait for its turn before that, so that what it cuts is a client that neither sends nor
 * reads.
 */
export function idleTimeout({
  timeouts,
  concurrency,
}: Pick<ProxyConfig, 'timeouts' | 'concurrency'>): number {
  const { connect, headers, idle } = timeouts
  return concurrency.queueTimeout + connect + Math.max(headers, idle) + 5_000
}

/**
 * A server that hands on every request, whatever its method and whatever it expects. Not by way of Fastify's router,
 * which would read, decode and judge what is for the application to judge.
 *
 * @param isBusy whether a connection has a request that is not answered yet
 */
export function createListening(
  tls: TlsOptions | undefined,
  handle: (arrival: Arrival) => void,
  isBusy: (socket: Socket) => boolean,
): Server {
  const server =
    tls === undefined ? createServer(serverOptions) : createTlsServer({ ...serverOptions, ...tls })
  // By default Node hands on 2,000 headers and drops the rest without a word: a client could push a second Host, or what
  // the load balancer adds, out of sight. How many there are is bounded by the size of them all.
  server.maxHeadersCount = 0
  server.on('request', (request: IncomingMessage, response: ServerResponse) => {
    handle({ request, response, awaitsContinue: awaitsContinue(request), early: undefined })
  })
  const handOver = (request: IncomingMessage, response: ServerResponse): void => {
    server.emit('request', request, response)
  }
  // Without this listener Node answers 100 by itself, before any limit is asked.
  server.on('checkContinue', handOver)
  // Of an expectation that nobody knows nothing is expected (RFC 9110, section 10.1.1).
  server.on('checkExpectation', handOver)
  server.on('upgrade', (request: IncomingMessage, socket: Socket, head: Buffer) => {
    // Node listens to the connection no longer: neither for errors nor for silence.
    socket.on('error', () => {})
    socket.on('timeout', () => server.emit('timeout', socket))
    // Nobody sends it behind a request that is not answered, and the two answers could not be kept apart.
    if (isBusy(socket)) socket.destroy()
    else
      handle({
        request,
        response: responseFor(request, socket),
        awaitsContinue: false,
        early: new EarlyBytes(socket, head),
      })
  })
  return server
}

function awaitsContinue({ headers, httpVersion }: IncomingMessage): boolean {
  return headers.expect !== undefined && httpVersion === '1.1' && continueExpected.test(headers.expect)
}

/** For a refusal, or what the application says instead of upgrading. */
function responseFor(request: IncomingMessage, socket: Socket): ServerResponse {
  const response = new ServerResponse(request)
  response.assignSocket(socket)
  socket.on('drain', () => response.emit('drain'))
  return response
}
