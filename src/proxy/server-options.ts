import { type IncomingMessage, METHODS, type ServerResponse } from 'node:http'
import type { FastifyInstance } from 'fastify'
import type { ProxyConfig } from '../config/schema.ts'

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

/**
 * The one route gives Fastify no schemas. Without these stand-ins it would still load Ajv and fast-json-stringify, a
 * good part of the time to start.
 */
const noCompilers = {
  compilersFactory: {
    buildValidator: () => refuseToCompile,
    buildSerializer: () => refuseToCompile,
  },
}

function refuseToCompile(): never {
  throw new Error('the proxy validates and serialises nothing')
}

/**
 * How long a connection may be on which nothing moves in either direction, in milliseconds. Longer than the application
 * may be silent, so that what it cuts is a client that neither sends nor reads.
 */
export function idleTimeout({ connect, headers, idle }: ProxyConfig['timeouts']): number {
  return connect + Math.max(headers, idle) + 5_000
}

export function serverOptions(timeouts: ProxyConfig['timeouts']) {
  return {
    logger: false,
    keepAliveTimeout,
    // An upload may take as long as it moves.
    requestTimeout: 0,
    connectionTimeout: idleTimeout(timeouts),
    // `inadmissible` answers a missing Host with a problem document; Node's own answer is empty.
    http: { headersTimeout, maxHeaderSize, connectionsCheckingInterval, requireHostHeader: false },
    exposeHeadRoutes: false,
    // What was accepted before the end is answered.
    return503OnClosing: false,
    schemaController: noCompilers,
    // The router would read, decode and judge paths; that is for the application.
    rewriteUrl: () => '/',
  }
}

type Handler = (request: IncomingMessage, response: ServerResponse, target: string) => void

/**
 * Hands every request, whatever its method, to the handler. From a hook and not from the route's handler: before that,
 * Fastify would judge the content type and read the body.
 */
export function addHandler(app: FastifyInstance, handle: Handler): void {
  const known = new Set(app.supportedMethods)
  for (const method of METHODS) if (!known.has(method)) app.addHttpMethod(method)
  app.route({
    method: METHODS,
    url: '/',
    onRequest(request, reply, _done) {
      reply.hijack()
      handle(request.raw, reply.raw, request.originalUrl)
    },
    handler: (_request, reply) => reply,
  })
}
