import { ProviderError, type ProviderErrorKind, type ProviderErrorReason } from '../../secrets/provider.ts'
import type { Answer } from '../shared/http/exchange.ts'
import { retryAfterMs } from '../shared/http/retry-after.ts'
import { notFound } from '../shared/narrow.ts'

/** Which request an answer belongs to. */
export interface Asked {
  /** For messages: the provider, the method and the URL without its query. */
  readonly place: string
  /** The key, where the request was for one. */
  readonly key: string | undefined
}

/** What an answer that is neither 200 nor an expected 304 means. `wall` is milliseconds since the epoch. */
export function statusFailure(
  { place, key }: Asked,
  { status, headers }: Answer,
  wall: number,
): ProviderError {
  const wait = retryAfterMs(headers.get('retry-after'), wall)
  const failure = (kind: ProviderErrorKind, reason: ProviderErrorReason, words: string): ProviderError =>
    new ProviderError(kind, reason, `${place}: ${words} (status ${status}).`, { retryAfterMs: wait })

  if (status === 401) return failure('denied', 'denied', 'the token is not accepted. Check token')
  if (status === 403)
    return failure('denied', 'denied', 'the token has no right to this. Check what it may read')
  if (status === 404 || status === 410) {
    if (key !== undefined) return notFound(place, key)
    // A list that moved does not mean that every secret was deleted: what is held stays held.
    return failure('unavailable', 'status', 'there is no list of secrets at this path. Check url')
  }
  if (status === 429) return failure('throttled', 'throttled', 'the backend asks for fewer calls')
  if (status >= 500) return failure('unavailable', 'status', 'the backend failed')
  if (status >= 200 && status < 300) {
    return failure('unavailable', 'status', 'the backend answered without secrets; 200 is expected')
  }
  return failure('unavailable', 'status', 'the backend did not accept the request. Check url and headers')
}
