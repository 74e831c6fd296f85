import { ProviderError, type ProviderErrorKind, type ProviderErrorReason } from '../../secrets/provider.ts'
import { retryAfterMs } from '../shared/http/retry-after.ts'
import { Malformed } from '../shared/malformed.ts'
import { type Asked, meaningOf, type Obstacle, type Said, sourceOf } from './meanings.ts'

export class AwsFailure extends ProviderError {
  readonly obstacle: Obstacle

  constructor(
    obstacle: Obstacle,
    kind: ProviderErrorKind,
    reason: ProviderErrorReason,
    message: string,
    retryAfterMs?: number,
  ) {
    super(kind, reason, message, { retryAfterMs })
    this.obstacle = obstacle
  }
}

/** What AWS said, as the provider's error: fixed words with a remedy. */
export function failureOf(asked: Asked, said: Said): AwsFailure {
  const { obstacle, kind, reason, words } = meaningOf(asked, said)
  return new AwsFailure(
    obstacle,
    kind,
    reason,
    `${asked.place}: ${words(asked)} (${sourceOf(said)}).`,
    said.retryAfterMs,
  )
}

/**
 * Whatever a call of the SDK rejects with, as the provider's error. Nothing of the original is kept: it carries the
 * answer.
 *
 * @param wall milliseconds since the epoch
 */
export function callFailure(asked: Asked, error: unknown, wall: number): ProviderError {
  if (error instanceof AwsFailure) return error
  if (error instanceof ProviderError) {
    // The SDK has written on it.
    return new ProviderError(error.kind, error.reason, error.message, { retryAfterMs: error.retryAfterMs })
  }
  const status = statusOf(error)
  if (status !== undefined && status >= 300) {
    return failureOf(asked, {
      code: error instanceof Error ? error.name : '',
      text: error instanceof Error ? error.message : '',
      status,
      retryAfterMs: askedToWait(error, wall),
    })
  }
  if (status !== undefined || error instanceof Malformed) {
    const words = 'the answer cannot be read: it is not what this operation answers. Check endpoint'
    return new AwsFailure('other', 'unavailable', 'malformed', `${asked.place}: ${words}.`)
  }
  return new AwsFailure('other', 'unavailable', 'internal', `${asked.place}: the call failed unexpectedly.`)
}

/** The status of the answer that an error of the SDK is about; undefined where there was none. */
function statusOf(error: unknown): number | undefined {
  const metadata = propertyOf(error, '$metadata')
  const status = propertyOf(metadata, 'httpStatusCode') ?? propertyOf(responseOf(error), 'statusCode')
  return typeof status === 'number' ? status : undefined
}

/** Milliseconds: `Retry-After`, or the SDK's own kind of it, which has milliseconds. */
function askedToWait(error: unknown, wall: number): number | undefined {
  const headers = propertyOf(responseOf(error), 'headers')
  const ofAmazon = propertyOf(headers, 'x-amz-retry-after')
  if (typeof ofAmazon === 'string' && /^\d{1,7}$/.test(ofAmazon)) return Number(ofAmazon)
  const header = propertyOf(headers, 'retry-after')
  return retryAfterMs(typeof header === 'string' ? header : undefined, wall)
}

function responseOf(error: unknown): unknown {
  return propertyOf(error, '$response')
}

function propertyOf(value: unknown, name: string): unknown {
  return typeof value === 'object' && value !== null ? Reflect.get(value, name) : undefined
}
