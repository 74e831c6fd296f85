import type { IncomingMessage } from 'node:http'
import { CodedError } from '../errors.ts'
import { decodedPath } from './limits/matching.ts'
import { hasBody } from './request-headers.ts'

/** A name or an address, and a port (RFC 3986, section 3.2; user names have no place in Host). */
const hostPattern = /^(?:[A-Za-z0-9._~!$&'()*+,;=%-]*|\[[0-9A-Fa-f:.]+\])(?::[0-9]*)?$/

/**
 * A `..` segment, however it is written: an application that resolves it, or a server that ignores what follows a
 * semicolon, would see another path than the limits.
 */
const dotSegment = /(?:\/|\\|%2f|%5c)(?:\.|%2e){2}(?=$|[/\\;?#]|%2f|%5c|%3b|%3f|%23)/i

/**
 * What Node's parser lets through and a proxy must not, since the application might read it otherwise (request
 * smuggling, RFC 9112, section 11.2). Undefined for a request that may pass.
 *
 * @param target the request target as it came
 */
export function inadmissible(request: IncomingMessage, target: string): CodedError | undefined {
  // The parser takes the line `GET / HTTP/2.0` for HTTP/1.1.
  if (request.httpVersion !== '1.1' && request.httpVersion !== '1.0') return bad('Speak HTTP/1.1 here.')
  // Absolute URLs, `*` and what a careless application takes for the name of a host.
  if (!target.startsWith('/') || target.startsWith('//')) return bad('The target must begin with one slash.')
  // Whoever is after us may cut the path at it.
  if (target.includes('#')) return bad('The target must have no fragment.')
  if (mayHaveDots(target) && hasDots(pathOf(target))) return bad('The path must have no ".." segments.')
  if (!hasOneHost(request)) return bad('The request must have one valid Host header.')
  const coding = request.headers['transfer-encoding']
  if (coding !== undefined) {
    // HTTP/1.0 knows no chunks: an application that ignores the header would take the body for the next request.
    if (request.httpVersion === '1.0') return bad('HTTP/1.0 has no Transfer-Encoding.')
    if (coding.toLowerCase() !== 'chunked') return bad('Of transfer codings only "chunked" is understood.')
  }
  return undefined
}

/**
 * Whether a client wants a WebSocket (RFC 6455, section 4.1), the one protocol that is passed on. Any other offer may be
 * declined without a word (RFC 9110, section 7.8): the request is then an ordinary one. So is one with a body, which the
 * application might take for the first that is said after the upgrade.
 */
export function wantsWebSocket(request: IncomingMessage): boolean {
  const { method, headers, httpVersion } = request
  return (
    method === 'GET' &&
    httpVersion === '1.1' &&
    !hasBody(request) &&
    headers.upgrade?.toLowerCase() === 'websocket' &&
    (headers.connection ?? '').split(',').some((option) => option.trim().toLowerCase() === 'upgrade')
  )
}

/** What a declared length says is too much, before a byte of it has come. */
export function isTooLarge({ headers }: IncomingMessage, maxBody: number): boolean {
  return maxBody > 0 && Number(headers['content-length'] ?? 0) > maxBody
}

/** The path of a request target, without its query. */
export function pathOf(target: string): string {
  const end = target.indexOf('?')
  return end < 0 ? target : target.slice(0, end)
}

/** Also where it was encoded twice, for an application that decodes twice. */
function hasDots(path: string): boolean {
  return dotSegment.test(path) || (path.includes('%') && dotSegment.test(decodedPath(path)))
}

function mayHaveDots(target: string): boolean {
  return target.includes('..') || target.includes('%')
}

/** Node joins, drops or keeps repeated headers, depending on the header; of Host it keeps the first. */
function hasOneHost(request: IncomingMessage): boolean {
  const { rawHeaders } = request
  let count = 0
  for (let at = 0; at < rawHeaders.length; at += 2) {
    const name = rawHeaders[at]
    if (name?.length === 4 && name.toLowerCase() === 'host') count += 1
  }
  if (count === 0) return request.httpVersion === '1.0'
  return count === 1 && hostPattern.test(request.headers.host ?? '')
}

function bad(detail: string): CodedError {
  return new CodedError('SIDEKEEP_BAD_REQUEST', [detail])
}
