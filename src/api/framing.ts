import type { IncomingMessage, Server, ServerResponse } from 'node:http'

/**
 * Has a server see every header of a request, and end the connections on which somebody else may see another request
 * than it does. To be called before `handleInTurn`.
 */
export function readFaithfully(server: Server): void {
  // By default Node hands on 2,000 headers and drops the rest without a word: those that tell of a proxy or of a page
  // could be pushed out of sight. How many there are is bounded by `maxHeaderSize`.
  server.maxHeadersCount = 0
  server.prependListener('request', endFaultyFraming)
}

/**
 * Whoever relayed a request of HTTP/1.0 need not know Transfer-Encoding, and may have taken what we read as its body for
 * the next request, or the other way round: the connection ends with its answer (RFC 9112, section 6.1).
 */
function endFaultyFraming({ httpVersionMinor, headers }: IncomingMessage, response: ServerResponse): void {
  if (httpVersionMinor === 0 && headers['transfer-encoding'] !== undefined) response.shouldKeepAlive = false
}
