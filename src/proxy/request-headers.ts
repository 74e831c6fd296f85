import type { IncomingMessage } from 'node:http'
import type { Client } from './client-address.ts'
import { nominatedBy, requestHeaderClass } from './header-names.ts'

export interface Identity {
  readonly client: Client
  /** The other end of the connection; undefined on a Unix socket. */
  readonly peer: string | undefined
  /** What the client spoke to us. */
  readonly protocol: 'http' | 'https'
  readonly requestId: string
}

/** The request's headers for the application, names and values in turn. */
export function requestHeaders(request: IncomingMessage, identity: Identity): string[] {
  const { headers, rawHeaders } = request
  const { client, peer, protocol, requestId } = identity
  const nominated = nominatedBy(headers.connection)
  const kept: string[] = []
  for (let at = 0; at < rawHeaders.length; at += 2) {
    const name = rawHeaders[at] ?? ''
    const kind = requestHeaderClass(name)
    if (kind !== 'passed' && !(kind === 'forwarded' && client.isForwarded)) continue
    if (nominated?.has(name.toLowerCase())) continue
    kept.push(name, rawHeaders[at + 1] ?? '')
  }
  // What follows is set last, from what the parser understood: a client cannot have it removed by naming it in
  // Connection, nor have the application believe another length than the one that is sent.
  const { host } = headers
  if (host !== undefined) kept.push('Host', host)
  const length = headers['content-length']
  if (length !== undefined && hasBody(request)) kept.push('Content-Length', length)
  const believed = client.isForwarded ? headers : {}
  const hops = listOf(believed['x-forwarded-for'], peer)
  if (hops !== undefined) kept.push('X-Forwarded-For', hops)
  const proto = one(believed['x-forwarded-proto']) ?? protocol
  kept.push('X-Forwarded-Proto', proto)
  const forwardedHost = one(believed['x-forwarded-host']) ?? host
  if (forwardedHost !== undefined) kept.push('X-Forwarded-Host', forwardedHost)
  kept.push('Forwarded', forwarded(client.address, forwardedHost, proto), 'X-Request-Id', requestId)
  return kept
}

/** Whether a body follows the head (RFC 9112, section 6.3), whatever the method. */
export function hasBody({ headers }: IncomingMessage): boolean {
  return headers['transfer-encoding'] !== undefined || Number(headers['content-length'] ?? 0) > 0
}

const sanePattern = /^[A-Za-z0-9._~+/=:@-]{1,128}$/

/** The request's id as the client gave it, where it is fit for logs; undefined elsewhere. */
export function saneRequestId({ headers }: IncomingMessage): string | undefined {
  const id = headers['x-request-id']
  return typeof id === 'string' && sanePattern.test(id) ? id : undefined
}

/**
 * One element (RFC 7239), of the client that was found. Elements of others are not passed on, not even a trusted
 * proxy's: one that does not know the header lets through what the client wrote there.
 */
function forwarded(address: string | undefined, host: string | undefined, proto: string): string {
  const node = address === undefined ? 'unknown' : address.includes(':') ? `"[${address}]"` : address
  const named = host === undefined ? '' : `;host=${quoted(host)}`
  return `for=${node}${named};proto=${quoted(proto)}`
}

const plain = /^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/

/** Values that were met, quoted where they must be: a host is met again with the next request. */
const knownQuoted = new Map<string, string>()
const mostKnown = 1_000
const longestKnown = 256

/** As a token, or as a quoted string (RFC 9110, section 5.6). */
function quoted(value: string): string {
  const known = knownQuoted.get(value)
  if (known !== undefined) return known
  const escaped = value.replaceAll('\\', '\\\\').replaceAll('"', '\\"')
  const written = plain.test(value) ? value : `"${escaped}"`
  if (knownQuoted.size < mostKnown && value.length <= longestKnown) knownQuoted.set(value, written)
  return written
}

function listOf(believed: string | string[] | undefined, peer: string | undefined): string | undefined {
  if (believed === undefined || believed === '') return peer
  return peer === undefined ? String(believed) : `${believed}, ${peer}`
}

function one(value: string | string[] | undefined): string | undefined {
  return Array.isArray(value) ? value[0] : value
}
