import type { IncomingMessage } from 'node:http'
import type { Client } from './client-address.ts'

/** Meant for the next hop only (RFC 9110, section 7.6.1, and what was never standardised but is used). */
const hopByHop = new Set([
  'connection',
  'http2-settings',
  'keep-alive',
  'proxy-authenticate',
  'proxy-authentication-info',
  'proxy-authorization',
  'proxy-connection',
  'te',
  'trailer',
  'transfer-encoding',
  'upgrade',
])

/** What this proxy itself says to the application; whatever the client says under these names is not passed on. */
const ours = new Set([
  'content-length',
  'expect',
  'forwarded',
  'host',
  'x-forwarded-for',
  'x-forwarded-host',
  'x-forwarded-proto',
  'x-real-ip',
  'x-request-id',
])

export interface Identity {
  readonly client: Client
  /** The other end of the connection; undefined on a Unix socket. */
  readonly peer: string | undefined
  readonly requestId: string
}

/** The request's headers for the application, names and values in turn. */
export function requestHeaders(request: IncomingMessage, identity: Identity): string[] {
  const { headers, rawHeaders } = request
  const { client, peer, requestId } = identity
  const nominated = nominatedBy(headers.connection)
  const kept: string[] = []
  for (let at = 0; at < rawHeaders.length; at += 2) {
    const name = rawHeaders[at] ?? ''
    const lower = name.toLowerCase()
    if (nominated?.has(lower) || isTaken(lower, client.isForwarded)) continue
    kept.push(name, rawHeaders[at + 1] ?? '')
  }
  // What follows is set last, from what the parser understood: a client cannot have it removed by naming it in
  // Connection, nor have the application believe another length than the one that is sent.
  if (headers.host !== undefined) kept.push('Host', headers.host)
  const length = headers['content-length']
  if (length !== undefined && hasBody(request)) kept.push('Content-Length', length)
  const believed = client.isForwarded ? headers : {}
  const hops = [believed['x-forwarded-for'], peer].filter((hop) => hop !== undefined && hop !== '')
  if (hops.length > 0) kept.push('X-Forwarded-For', hops.join(', '))
  kept.push('X-Forwarded-Proto', one(believed['x-forwarded-proto']) ?? 'http')
  const host = one(believed['x-forwarded-host']) ?? headers.host
  if (host !== undefined) kept.push('X-Forwarded-Host', host)
  kept.push('X-Request-Id', requestId)
  return kept
}

/** Whether a body follows the head (RFC 9112, section 6.3), whatever the method. */
export function hasBody({ headers }: IncomingMessage): boolean {
  return headers['transfer-encoding'] !== undefined || Number(headers['content-length'] ?? 0) > 0
}

/**
 * The answer's headers for the client, names and values in turn; undefined where the answer is in a transfer coding
 * that nobody here can undo.
 *
 * @param raw as they came, names and values in turn
 */
export function responseHeaders(raw: readonly (Buffer | string)[], status: number): string[] | undefined {
  const all = raw.map((part) => (typeof part === 'string' ? part : part.toString('latin1')))
  const coding = listOf(all, 'transfer-encoding')
  if (coding !== undefined && coding.toLowerCase() !== 'chunked') return undefined
  const nominated = nominatedBy(listOf(all, 'connection'))
  const kept: string[] = []
  for (let at = 0; at < all.length; at += 2) {
    const name = all[at] ?? ''
    const lower = name.toLowerCase()
    // Tells our own errors from the application's.
    if (hopByHop.has(lower) || lower === 'sidekeep-error') continue
    if (lower === 'content-length') {
      // Next to chunks it means nothing (RFC 9112, section 6.3), and 204 and 1xx have none (RFC 9110, section 8.6).
      // Elsewhere it stays, even if it is nominated: without it an answer that was cut could look whole.
      if (coding !== undefined || status === 204 || status < 200) continue
    } else if (nominated?.has(lower)) continue
    kept.push(name, all[at + 1] ?? '')
  }
  return kept
}

const sanePattern = /^[A-Za-z0-9._~+/=:@-]{1,128}$/

/** The request's id as the client gave it, where it is fit for logs; undefined elsewhere. */
export function saneRequestId(request: IncomingMessage): string | undefined {
  const id = request.headers['x-request-id']
  return typeof id === 'string' && sanePattern.test(id) ? id : undefined
}

/**
 * Applications that see headers as CGI variables take `X_Forwarded_For` for `X-Forwarded-For`: under either name it is
 * for us to say.
 */
function isTaken(lower: string, isForwarded: boolean): boolean {
  const name = lower.replaceAll('_', '-')
  if (hopByHop.has(name) || ours.has(name)) return true
  return name.startsWith('x-forwarded-') && (!isForwarded || name !== lower)
}

/** The headers that Connection names, in lower case; undefined where it names nothing that matters. */
function nominatedBy(connection: string | undefined): ReadonlySet<string> | undefined {
  if (connection === undefined || /^(?:keep-alive|close)$/i.test(connection)) return undefined
  return new Set(connection.split(',').map((name) => name.trim().toLowerCase()))
}

/** All values of a header as one list. */
function listOf(all: readonly string[], wanted: string): string | undefined {
  let value: string | undefined
  for (let at = 0; at < all.length; at += 2) {
    if (all[at]?.toLowerCase() === wanted)
      value = value === undefined ? all[at + 1] : `${value}, ${all[at + 1]}`
  }
  return value
}

function one(value: string | string[] | undefined): string | undefined {
  return Array.isArray(value) ? value[0] : value
}
