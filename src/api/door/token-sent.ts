import type { IncomingMessage } from 'node:http'
import { CodedError } from '../../errors.ts'

/**
 * The token of a request: that of `Authorization: Bearer` (RFC 6750, section 2.1) or `X-Sidekeep-Token`. Another scheme
 * of Authorization is none of ours and says nothing.
 *
 * @returns undefined where there is none, an error where there are several and it is not sure whose request it is
 */
export function tokenSent({ headers, rawHeaders }: IncomingMessage): string | undefined | CodedError {
  const { authorization, 'x-sidekeep-token': own } = headers
  if (authorization === undefined && own === undefined) return undefined
  const doubled = doubledHeader(rawHeaders)
  if (doubled !== undefined) return ambiguous(`There is more than one ${doubled} header.`)
  const bearer = authorization === undefined ? undefined : bearerOf(authorization)
  // An empty header is as good as none; a doubled one, which would be a list, was refused.
  const plain = typeof own === 'string' && own !== '' ? own : undefined
  if (bearer !== undefined && plain !== undefined && bearer !== plain) {
    return ambiguous('Authorization and X-Sidekeep-Token have different tokens.')
  }
  return bearer ?? plain
}

/** The scheme's name knows no case (RFC 9110, section 11.1). */
function bearerOf(authorization: string): string | undefined {
  const scheme = /^bearer +/i.exec(authorization)?.[0]
  const token = scheme === undefined ? '' : authorization.slice(scheme.length)
  return token === '' ? undefined : token
}

/** Node keeps the first of two Authorization headers, and somebody before us may have looked at the second. */
function doubledHeader(rawHeaders: readonly string[]): string | undefined {
  const seen = new Set<string>()
  for (let at = 0; at < rawHeaders.length; at += 2) {
    const name = rawHeaders[at] ?? ''
    if (!isOfTokens(name)) continue
    if (seen.has(name.toLowerCase())) return name
    seen.add(name.toLowerCase())
  }
  return undefined
}

function isOfTokens(name: string): boolean {
  if (name.length === 13) return name.toLowerCase() === 'authorization'
  return name.length === 16 && name.toLowerCase() === 'x-sidekeep-token'
}

function ambiguous(detail: string): CodedError {
  return new CodedError('SIDEKEEP_BAD_REQUEST', [detail])
}
