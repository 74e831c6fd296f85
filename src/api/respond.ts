import type { FastifyReply, FastifyRequest } from 'fastify'
import type { CodedError } from '../errors.ts'
import { answerOf } from '../problem.ts'
import type { Clock } from '../secrets/clock.ts'
import type { Connections } from './connections.ts'
import type { RouteMeter } from './ports.ts'
import type { RawQuery } from './query.ts'

/** A request to one of our routes. `*` is the rest of the path, decoded once; `check` the name of a health check. */
export type ApiRequest = FastifyRequest<{ Params: { '*'?: string; check?: string }; Querystring: RawQuery }>

/** What belongs to one listener and is needed to answer on it. */
export interface Exchange {
  readonly clock: Clock
  readonly connections: Connections
  /** Counts what no route takes. */
  readonly unmatched: RouteMeter
}

declare module 'fastify' {
  interface FastifyInstance {
    exchange: Exchange
  }
  interface FastifyRequest {
    /** Counts this request; undefined where no route took it. */
    meter: RouteMeter | undefined
    /** When the request was routed, on the monotonic clock. */
    startedAt: number
  }
}

/** nginx's status for a caller that left before its answer; it is counted and never sent. */
const callerLeft = 499

/**
 * Sends an answer and counts it. It goes straight to Node's response: the bytes are ready and there is nothing for
 * Fastify to serialise, and no hook that would want to see them.
 *
 * @param headers names and values in turn; this function may add to them
 */
export function send(
  request: FastifyRequest,
  reply: FastifyReply,
  status: number,
  headers: string[],
  body?: Buffer | string,
): void {
  reply.hijack()
  const { exchange } = request.server
  const meter = request.meter ?? exchange.unmatched
  const elapsed = request.meter === undefined ? 0 : exchange.clock.now() - request.startedAt
  const response = reply.raw
  if (response.destroyed) {
    meter.count(request.method, callerLeft, elapsed)
    return
  }
  if (exchange.connections.closing && !headers.includes('Connection')) headers.push('Connection', 'close')
  response.writeHead(status, headers)
  if (body === undefined || request.method === 'HEAD') response.end()
  else response.end(body)
  meter.count(request.method, status, elapsed)
}

/** @param extra further headers, names and values in turn */
export function sendProblem(
  request: FastifyRequest,
  reply: FastifyReply,
  error: CodedError,
  extra: readonly string[] = [],
): void {
  const { status, headers, body } = answerOf(error, extra)
  // RFC 9110, section 15.5.2: a 401 says how to do better.
  if (status === 401) headers.push('WWW-Authenticate', 'Sidekeep header="X-Sidekeep-Request"')
  // The rest of a body that nobody reads would have to be read before the connection could serve again.
  if (hasUnreadBody(request)) headers.push('Connection', 'close')
  send(request, reply, status, headers, body)
}

function hasUnreadBody({ raw, headers }: FastifyRequest): boolean {
  if (raw.complete) return false
  const length = headers['content-length']
  return headers['transfer-encoding'] !== undefined || (length !== undefined && length !== '0')
}

/** Headers of small answers that are made anew each time. */
export function textHeaders(contentType: string, body: string): string[] {
  return [
    'Content-Type',
    contentType,
    'Content-Length',
    String(Buffer.byteLength(body)),
    'Cache-Control',
    'no-store',
    'X-Content-Type-Options',
    'nosniff',
  ]
}

export function sendText(
  request: FastifyRequest,
  reply: FastifyReply,
  status: number,
  body: string,
  contentType = 'text/plain; charset=utf-8',
): void {
  send(request, reply, status, textHeaders(contentType, body), body)
}

export function sendJson(request: FastifyRequest, reply: FastifyReply, value: object): void {
  sendText(request, reply, 200, JSON.stringify(value), 'application/json; charset=utf-8')
}
