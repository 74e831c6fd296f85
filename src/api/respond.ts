import type { FastifyReply, FastifyRequest } from 'fastify'
import type { ErrorCode } from '../errors.ts'
import { CodedError } from '../errors.ts'
import { answerOf } from '../problem.ts'
import type { Clock } from '../secrets/clock.ts'
import { isIncomplete } from './bodies.ts'
import type { Connections } from './connections.ts'
import { challengeOf } from './door/challenge.ts'
import type { RouteMeter } from './ports.ts'
import type { RawQuery } from './query.ts'
import type { Recorder } from './recording.ts'
import { letInNoLonger } from './refusals.ts'
import type { Value } from './sending.ts'
import { keepWhileSending } from './sending.ts'

/** A request to one of our routes. `*` is the rest of the path, decoded once; `check` the name of a health check. */
export type ApiRequest = FastifyRequest<{ Params: { '*'?: string; check?: string }; Querystring: RawQuery }>

/** What belongs to one listener and is needed to answer on it. */
export interface Exchange {
  readonly clock: Clock
  readonly connections: Connections
  /** Counts what no route takes. */
  readonly unmatched: RouteMeter
  /** Records accesses; undefined on a listener that serves no secrets. */
  readonly recorder: Recorder | undefined
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

/** How soon whoever is not answered since that cannot be recorded may ask again, in milliseconds. */
const auditRetryAfter = 1_000

/** What belongs to an answer beside what is sent. */
export interface About {
  /** Of the error that it tells. */
  readonly code?: ErrorCode
  /** The value that its body is. */
  readonly value?: Value
  /** What it tells of: done as it is sent, and not at all where it may not be, since that cannot be recorded. */
  readonly deed?: () => void
}

const nothing: About = {}

/**
 * Records an answer, sends it and counts it. Where it may not go before it is recorded, it goes later. It goes straight
 * to Node's response: the bytes are ready and there is nothing for Fastify to serialise, and no hook that would want to
 * see them.
 *
 * @param headers names and values in turn; this function may add to them
 */
export function send(
  request: FastifyRequest,
  reply: FastifyReply,
  status: number,
  headers: string[],
  body?: Buffer | string,
  about: About = nothing,
): void {
  reply.hijack()
  const { value, deed } = about
  const { recorder } = request.server.exchange
  const recorded = recorder?.isOn ? recorder.record(request, statusOf(reply, status), about.code) : undefined
  const deliverNow = (): void => {
    deed?.()
    deliver(request, reply, status, headers, body, value)
  }
  if (recorded === undefined) deliverNow()
  else deliverRecorded(request, reply, recorded, about, deliverNow)
}

/**
 * For what may not wait until it is complete: records that it begins and counts that, then calls `begin`, now or later.
 * Where that throws, the error is answered.
 */
export function beginRecorded(
  request: FastifyRequest,
  reply: FastifyReply,
  status: number,
  begin: () => void,
): void {
  const { recorder } = request.server.exchange
  const recorded = recorder?.isOn ? recorder.record(request, statusOf(reply, status)) : undefined
  if (recorded === undefined) {
    begin()
    return
  }
  reply.hijack()
  const begun = (): void => {
    try {
      begin()
    } catch (error) {
      if (!(error instanceof CodedError)) throw error
      sendProblem(request, reply, error)
    }
  }
  recorded.then(begun, () => refuseUnrecorded(request, reply)).catch(() => reply.raw.destroy())
}

/** As it is counted: to who has left nothing is sent. */
function statusOf(reply: FastifyReply, status: number): number {
  return reply.raw.destroyed ? callerLeft : status
}

function deliverRecorded(
  request: FastifyRequest,
  reply: FastifyReply,
  recorded: Promise<void>,
  { code, value }: About,
  deliverNow: () => void,
): void {
  // Nothing that waits is overwritten: the secret may be rotated meanwhile.
  value?.rendition.pin()
  const instead = (answer: () => void): void => {
    value?.rendition.sent(value.representation)
    answer()
  }
  recorded
    .then(
      () => {
        const { caller } = request
        if (!caller?.isOver || tellsNothing(code)) {
          deliverNow()
          return
        }
        // The disk may have been slow. What was to be told, and now is not, has a second line that says so.
        request.told = undefined
        instead(() => sendProblem(request, reply, letInNoLonger(caller)))
      },
      () => instead(() => refuseUnrecorded(request, reply)),
    )
    // Nobody is there to tell it to: the connection is all that is left of the request.
    .catch(() => reply.raw.destroy())
    .finally(() => value?.rendition.unpin())
}

/** Whether an error says no more than who may not ask: any other may tell something of a secret. */
function tellsNothing(code: ErrorCode | undefined): boolean {
  return code === 'SIDEKEEP_TOKEN_INVALID' || code === 'SIDEKEEP_NOT_ALLOWED'
}

function refuseUnrecorded(request: FastifyRequest, reply: FastifyReply): void {
  const error = new CodedError('SIDEKEEP_AUDIT_FAILED', [], { retryAfterMs: auditRetryAfter })
  const { status, headers, body } = answerOf(error, closingHeaders(request))
  deliver(request, reply, status, headers, body)
}

function deliver(
  request: FastifyRequest,
  reply: FastifyReply,
  status: number,
  headers: string[],
  body?: Buffer | string,
  value?: Value,
): void {
  const { exchange } = request.server
  const meter = request.meter ?? exchange.unmatched
  const elapsed = request.meter === undefined ? 0 : exchange.clock.now() - request.startedAt
  const response = reply.raw
  if (response.destroyed) {
    meter.count(request.method, callerLeft, elapsed)
    value?.rendition.sent(value.representation)
    return
  }
  if (exchange.connections.closing && !headers.includes('Connection')) headers.push('Connection', 'close')
  response.writeHead(status, headers)
  if (body === undefined || request.method === 'HEAD') response.end()
  else response.end(body)
  if (value !== undefined) keepWhileSending(response, value)
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
  const challenge = challengeOf(error.code)
  if (challenge !== undefined) headers.push('WWW-Authenticate', challenge)
  if (!extra.includes('Connection')) headers.push(...closingHeaders(request))
  send(request, reply, status, headers, body, { code: error.code })
}

/** The rest of a body that nobody reads would have to be read before the connection could serve again. */
function closingHeaders(request: FastifyRequest): string[] {
  return isIncomplete(request.raw) ? ['Connection', 'close'] : []
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
  about: About = nothing,
): void {
  send(request, reply, status, textHeaders(contentType, body), body, about)
}

export function sendJson(request: FastifyRequest, reply: FastifyReply, value: object): void {
  sendText(request, reply, 200, JSON.stringify(value), 'application/json; charset=utf-8')
}
