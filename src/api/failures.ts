import type { Socket } from 'node:net'
import type { Duplex } from 'node:stream'
import type { FastifyError, FastifyReply, FastifyRequest } from 'fastify'
import { CodedError } from '../errors.ts'
import { rawResponse } from '../problem.ts'
import type { Entrance } from './door/entrance.ts'
import { allMethods, methodsAt } from './door/methods.ts'
import type { ApiLog, RouteMeter } from './ports.ts'
import { sendProblem } from './respond.ts'
import { bodyLimit, maxHeaderSize, requestTimeout } from './server-options.ts'

/** Whatever goes wrong, the answer is one of the table's errors. */
export class Failures {
  readonly #log: ApiLog
  /** The door before what no route takes. */
  #entrance: Entrance | undefined

  constructor(log: ApiLog) {
    this.#log = log
  }

  guardWith(entrance: Entrance): void {
    this.#entrance = entrance
  }

  /** For what a route threw or rejected with, and for Fastify's own errors. */
  readonly failed = (error: unknown, request: FastifyRequest, reply: FastifyReply): void => {
    if (request.is404) {
      this.unrouted(request, reply)
      return
    }
    const coded = this.#coded(error)
    this.#entrance?.refusedLater(coded, request)
    sendProblem(request, reply, coded)
  }

  /** For what no route takes: 405 where the path is right and the method is not. */
  readonly unrouted = (request: FastifyRequest, reply: FastifyReply): void => {
    this.#behindDoor(request, reply, () => {
      const allow = methodsAt(request)
      if (allow.length > 0) {
        const error = new CodedError('SIDEKEEP_METHOD_NOT_ALLOWED', [request.method])
        sendProblem(request, reply, error, ['Allow', allow.join(', ')])
        return
      }
      sendProblem(request, reply, new CodedError('SIDEKEEP_ROUTE_NOT_FOUND', [pathOf(request)]))
    })
  }

  /** For a path that the router cannot read. No hook has run. */
  readonly unreadable = (_error: FastifyError, request: FastifyRequest, reply: FastifyReply): void => {
    const detail =
      'The path is not a valid URL path: a percent sign stands for itself only as %25, text is UTF-8.'
    this.#behindDoor(request, reply, () =>
      sendProblem(request, reply, new CodedError('SIDEKEEP_BAD_REQUEST', [detail])),
    )
  }

  /** For CONNECT, which Node takes for no request: the connection would become a tunnel, and ends instead. */
  tunnel(socket: Duplex, meter: RouteMeter): void {
    const error = new CodedError('SIDEKEEP_METHOD_NOT_ALLOWED', ['CONNECT'])
    meter.count('CONNECT', error.status, 0)
    socket.on('error', () => socket.destroy())
    socket.end(rawResponse(error, ['Allow', allMethods]), () => socket.destroy())
  }

  /** For what Node's parser refuses: there is no request to answer, only a socket to write to. */
  malformed(error: Error & { code?: string }, socket: Socket, meter: RouteMeter): void {
    // Behind an answer that nobody reads another would never be sent, nor on TLS whose handshake has failed.
    const mayBeTold = ofParser.test(error.code ?? '') && socket.writableLength === 0
    if (!mayBeTold || !socket.writable) {
      socket.destroy()
      return
    }
    const coded = parserError(error.code)
    meter.count(undefined, coded.status, 0)
    socket.end(rawResponse(coded), () => socket.destroy())
  }

  #behindDoor(request: FastifyRequest, reply: FastifyReply, answer: () => void): void {
    const entrance = this.#entrance
    if (entrance === undefined) throw new Error('a request came before there was a door')
    entrance.settle(entrance.check(request, undefined, undefined), request, reply, answer)
  }

  #coded(error: unknown): CodedError {
    if (error instanceof CodedError) return error
    const { code, statusCode } = fastifyError(error)
    if (code === 'FST_ERR_CTP_BODY_TOO_LARGE')
      return new CodedError('SIDEKEEP_REQUEST_TOO_LARGE', [bodyLimit])
    if (statusCode !== undefined && statusCode < 500) {
      return new CodedError('SIDEKEEP_BAD_REQUEST', ['The request could not be read in full.'])
    }
    this.#log.error({ err: error }, 'a request failed inside the sidecar')
    return new CodedError('SIDEKEEP_INTERNAL', [], { cause: error })
  }
}

/** The codes of llhttp, and of what Node makes of HTTP itself; others are of the connection. */
const ofParser = /^(HPE|ERR_HTTP)_/

function parserError(code: string | undefined): CodedError {
  switch (code) {
    case 'HPE_HEADER_OVERFLOW':
      return new CodedError('SIDEKEEP_HEADERS_TOO_LARGE', [maxHeaderSize])
    case 'HPE_CHUNK_EXTENSIONS_OVERFLOW':
      return new CodedError('SIDEKEEP_REQUEST_TOO_LARGE', [bodyLimit])
    case 'ERR_HTTP_REQUEST_TIMEOUT':
      return new CodedError('SIDEKEEP_REQUEST_INCOMPLETE', [requestTimeout])
    default:
      return new CodedError('SIDEKEEP_BAD_REQUEST', ['The request is no valid HTTP/1.1.'])
  }
}

/** The path without its query, which might carry what was meant for somebody else. */
function pathOf(request: FastifyRequest): string {
  return (request.raw.url ?? '/').replace(/[?#].*$/s, '').slice(0, 512)
}

function fastifyError(error: unknown): { code?: unknown; statusCode?: number } {
  if (!(error instanceof Error)) return {}
  return {
    ...('code' in error ? { code: error.code } : {}),
    ...('statusCode' in error && typeof error.statusCode === 'number'
      ? { statusCode: error.statusCode }
      : {}),
  }
}
