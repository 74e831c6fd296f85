import { hash } from 'node:crypto'
import type { IncomingHttpHeaders } from 'node:http'
import type { LimitKey } from '../../config/schema.ts'
import { decodedPath, plainPath } from './matching.ts'

/** A request as limits see it. */
export interface Asked {
  readonly method: string
  /** As it was sent, without its query. */
  readonly path: string
  /** The client's address, as `addressKey` gives it. */
  readonly client: string
  readonly headers: IncomingHttpHeaders
  /** Names and values in turn, as they came. */
  readonly rawHeaders: readonly string[]
}

/**
 * Whose budget a request uses. What clients send is only there as a hash: they choose its length, and it is often a
 * credential. Requests without the header or the cookie share one budget, since leaving it out must not be a way around
 * the limit; and so do those that have it more than once, since the application may go by another one than we would.
 * Spellings that an application may take for one value share one budget: a credential must not have many.
 */
export function keyOf(parts: readonly LimitKey[], asked: Asked): string {
  if (parts.length === 1 && parts[0] !== undefined) return partOf(parts[0], asked)
  // No part has a bar in it.
  return parts.map((part) => partOf(part, asked)).join('|')
}

function partOf(key: LimitKey, asked: Asked): string {
  switch (key.by) {
    case 'client-ip':
      return asked.client
    case 'none':
      return ''
    case 'path':
      return digest(plainPath(asked.path))
    case 'header':
      return digest(headerOf(key.name, asked))
    case 'cookie':
      return digest(cookieOf(key.name, asked.headers.cookie))
  }
}

function digest(value: string | undefined): string {
  return value === undefined ? '' : hash('sha256', value, 'base64url').slice(0, 22)
}

function headerOf(name: string, { headers, rawHeaders }: Asked): string | undefined {
  const value = headers[name]
  if (value === undefined) return undefined
  let count = 0
  for (let at = 0; at < rawHeaders.length; at += 2) {
    if (rawHeaders[at]?.length === name.length && rawHeaders[at]?.toLowerCase() === name) count += 1
  }
  // `Bearer x` and `bearer  x` (RFC 9110, section 11.1).
  return count === 1
    ? String(value)
        .toLowerCase()
        .replaceAll(/[ \t]+/g, ' ')
    : undefined
}

function cookieOf(name: string, cookies: string | undefined): string | undefined {
  let found: string | undefined
  for (const pair of (cookies ?? '').split(';')) {
    const equals = pair.indexOf('=')
    if (equals < 0 || pair.slice(0, equals).trim() !== name) continue
    if (found !== undefined) return undefined
    found = plainCookie(pair.slice(equals + 1).trim())
  }
  return found
}

/** Many applications take the quotes off a cookie's value, and the percent-encoding. */
function plainCookie(value: string): string {
  const quoted = /^"(.*)"$/.exec(value)
  return decodedPath(quoted?.[1] ?? value)
}
