import { ProviderError, type ProviderErrorKind, type ProviderErrorReason } from '../../secrets/provider.ts'
import type { Answer } from '../shared/http/exchange.ts'
import { retryAfterMs } from '../shared/http/retry-after.ts'
import { isJsonObject, jsonNumber, parseJson } from '../shared/json.ts'
import { Malformed } from '../shared/malformed.ts'

const issue = 'Issue one with: op connect token create NAME --server SERVER --vault VAULT,r'

/**
 * Whether a 404 is the Connect server's own (`ErrorResponse` in its API reference). One of a proxy or a load balancer
 * before it says nothing of what the server has.
 */
export function saysNotFound({ body }: Pick<Answer, 'body'>): boolean {
  try {
    const error = parseJson(body)
    return isJsonObject(error) && jsonNumber(error.status) === 404 && typeof error.message === 'string'
  } catch (error) {
    if (error instanceof Malformed) return false
    throw error
  }
}

/**
 * What an answer means that is neither 200 nor a 404 that was to be expected.
 *
 * @param about what it was asked for, in words
 * @param token the token that was sent
 * @param wall milliseconds since the epoch
 */
export function statusFailure(
  place: string,
  about: string,
  { status, headers }: Answer,
  token: string,
  wall: number,
): ProviderError {
  const wait = retryAfterMs(headers.get('retry-after'), wall)
  const failure = (kind: ProviderErrorKind, reason: ProviderErrorReason, words: string): ProviderError =>
    new ProviderError(kind, reason, `${place}: ${words} (status ${status}).`, { retryAfterMs: wait })

  if (status === 401) return failure('denied', 'denied', `${whyRefused(token, wall)}. ${issue}`)
  if (status === 403) {
    const remedy = 'Give the Connect server the vault (op connect vault grant), and the token too'
    return failure('denied', 'denied', `the token has no access to ${about}. ${remedy}. ${issue}`)
  }
  if (status === 429) return failure('throttled', 'throttled', 'the Connect server asks for fewer calls')
  if (status === 404)
    return failure(
      'unavailable',
      'status',
      `there is no Connect server at this path, or a proxy before it has lost its way. Check url, and the proxy`,
    )
  if (status >= 500) {
    const words =
      'the Connect server failed. Check that connect-sync runs beside it, and its credentials file'
    return failure('unavailable', 'status', words)
  }
  if (status >= 300 && status < 400) {
    return failure(
      'unavailable',
      'redirect',
      'the answer is a redirect, which is not followed. Set url to its end',
    )
  }
  return failure('unavailable', 'status', 'the Connect server did not accept the request. Check url')
}

/** A token is a JWT that tells when it ends (RFC 7519, section 4.1.4); the server only says that it refuses it. */
function whyRefused(token: string, wall: number): string {
  const end = endOf(token)
  if (end !== undefined && end <= wall) return `the token has expired, on ${new Date(end).toISOString()}`
  return 'the token is not accepted: it has been revoked, or is for another Connect server'
}

/** Milliseconds since the epoch. */
function endOf(token: string): number | undefined {
  try {
    const claims: unknown = JSON.parse(Buffer.from(token.split('.')[1] ?? '', 'base64url').toString())
    if (typeof claims !== 'object' || claims === null || !('exp' in claims)) return undefined
    const seconds = claims.exp
    return typeof seconds === 'number' && seconds > 0 && seconds < 1e11 ? seconds * 1000 : undefined
  } catch {
    return undefined
  }
}
