/**
 * Limits of both listeners. Times in milliseconds, sizes in bytes. Fastify switches Node's own limits off or sets them
 * far apart; these are for callers on the same machine, who are quick.
 */

/** Bodies mean next to nothing here; a client that insists on sending one may send this much of it. */
export const bodyLimit = 1_024
/** The request line and headers: a name is at most 256 bytes, percent-encoded 768. */
export const maxHeaderSize = 16_384
/** From the first byte of a request to its last, and so for its headers too. */
export const requestTimeout = 10_000
/** How long a connection may wait for its next request. */
const keepAliveTimeout = 5_000
/** How often the two request timeouts are looked at; Node's default of 30 s would make them 30 s longer. */
const connectionsCheckingInterval = 1_000
/** How much longer than the longest wait for an answer a connection lasts on which nothing moves. */
export const idleMargin = 30_000
/** For the names of checks; a secret's name is a wildcard, which has no limit but the headers' size. */
const maxParamLength = 128

/**
 * The routes give Fastify no schemas: queries are read by `parseQuery`, answers are prepared bytes. Without these
 * stand-ins it would still load Ajv and fast-json-stringify, a good part of the time to start.
 */
const noCompilers = {
  compilersFactory: {
    buildValidator: () => refuseToCompile,
    buildSerializer: () => refuseToCompile,
  },
}

function refuseToCompile(): never {
  throw new Error('a route was given a schema, which nothing here enforces')
}

/** @param longestWait how long a caller may have to wait for an answer, in milliseconds: to wait is not to hang */
export function serverOptions(longestWait: number) {
  return {
    // Fastify's own logging makes a child logger a request; what is worth a line is logged by our error handler.
    logger: false,
    bodyLimit,
    requestTimeout,
    keepAliveTimeout,
    connectionTimeout: longestWait + idleMargin,
    http: {
      headersTimeout: requestTimeout,
      maxHeaderSize,
      connectionsCheckingInterval,
      // The guard answers a missing Host with a problem document; Node's own answer is empty.
      requireHostHeader: false,
    },
    routerOptions: { maxParamLength },
    // GET routes answer HEAD themselves, with the very headers of GET.
    exposeHeadRoutes: false,
    // What was accepted before the end is answered; `Connections` ends the rest.
    return503OnClosing: false,
    schemaController: noCompilers,
  } as const
}
