import { ProviderError, type ProviderErrorKind, type ProviderErrorReason } from '../../secrets/provider.ts'
import { retryAfterMs } from '../shared/http/retry-after.ts'
import { Malformed } from '../shared/malformed.ts'

/** What was asked, for messages. */
export interface Asked {
  /** The provider, the operation and the region. */
  readonly place: string
  /** What IAM calls the operation: `secretsmanager:GetSecretValue`. */
  readonly action: string
  /** The key, where it was for one. */
  readonly key?: string | undefined
  /** What to do where the operation is denied, in place of allowing the action. */
  readonly remedy?: string
}

/**
 * What stood in the way, closer than the kind of the error: *identity*, the credentials are not accepted any more;
 * *signature*, they are, and the request was signed at another time than AWS has; *permission*; *encryption*, KMS
 * refused; *missing*; *request*, AWS does not take what was asked for; *other*.
 */
export type Obstacle =
  | 'identity'
  | 'signature'
  | 'permission'
  | 'encryption'
  | 'missing'
  | 'request'
  | 'other'

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

/** What AWS said: of a call as a whole, or of one key in its answer. */
export interface Said {
  readonly code: string
  /** To tell cases apart that have one code. It may quote anything and is never shown. */
  readonly text?: string | undefined
  readonly status?: number | undefined
  readonly retryAfterMs?: number | undefined
}

interface Meaning {
  readonly obstacle: Obstacle
  readonly kind: ProviderErrorKind
  readonly reason: ProviderErrorReason
  readonly words: (asked: Asked) => string
}

const denied = (obstacle: Obstacle, words: (asked: Asked) => string): Meaning => ({
  obstacle,
  kind: 'denied',
  reason: 'denied',
  words,
})

const unavailable = (obstacle: Obstacle, words: string): Meaning => ({
  obstacle,
  kind: 'unavailable',
  reason: 'status',
  words: () => words,
})

const missing = (words: (asked: Asked) => string): Meaning => ({
  obstacle: 'missing',
  kind: 'missing',
  reason: 'not-found',
  words,
})

const throttled: Meaning = {
  obstacle: 'other',
  kind: 'throttled',
  reason: 'throttled',
  words: () => 'AWS asks for fewer calls. Raise refresh, or lower maxCallsPerSecond',
}

const broken = unavailable('other', 'AWS failed')

const refused = unavailable('request', 'AWS does not accept the request. Check the key, region and endpoint')

const encrypted = denied(
  'encryption',
  ({ key }) =>
    `${key === undefined ? 'a value' : `"${key}"`} cannot be decrypted. Allow kms:Decrypt on its KMS key, and see that the key is enabled`,
)

const forbidden = denied(
  'permission',
  ({ action, key, remedy }) =>
    remedy ??
    (key === undefined
      ? `the credentials have no right to this. Allow ${action} in the policy of their role`
      : `the credentials have no right to "${key}". Allow ${action} on it in the policy of their role, and see what its resource policy and its KMS key (kms:Decrypt) say`),
)

/** By code. The first row whose pattern fits, and whose other pattern fits the text where it has one. */
const meanings: readonly (readonly [code: RegExp, text: RegExp | undefined, Meaning])[] = [
  [
    /^(Throttl|TooManyRequests|RequestLimitExceeded|RequestThrottled|SlowDown|BandwidthLimit)/,
    undefined,
    throttled,
  ],
  [
    /^(ExpiredToken|TokenRefreshRequired|RequestExpired)/,
    undefined,
    denied('identity', () => 'the credentials have expired. Renew them where they come from'),
  ],
  [
    /^(InvalidIdentityToken|IDPRejectedClaim)/,
    undefined,
    denied(
      'identity',
      () =>
        'the token of the service account is not accepted. Check that IAM knows the OIDC provider of this cluster, and that the audience is sts.amazonaws.com',
    ),
  ],
  [
    /^(UnrecognizedClient|InvalidClientTokenId|InvalidAccessKeyId|MissingAuthenticationToken|IncompleteSignature|NotAuthorized|OptInRequired)/,
    undefined,
    denied(
      'identity',
      () =>
        'AWS does not know the credentials. Check that the access key exists, and that the region is one of its partition and enabled',
    ),
  ],
  [
    /^(InvalidSignature|SignatureDoesNotMatch|RequestTimeTooSkewed|RequestInTheFuture)/,
    undefined,
    denied(
      'signature',
      () => 'the signature is not accepted. Check the clock of this node, and the secret access key',
    ),
  ],
  [
    /^InvalidRequest/,
    /delet/i,
    missing(({ key }) => `the secret "${key}" is marked for deletion. Restore it, or name another`),
  ],
  [
    /^(ResourceNotFound|ParameterNotFound|ParameterVersionNotFound)/,
    undefined,
    missing(({ key }) => `there is no secret with the key "${key}"`),
  ],
  [/^(DecryptionFailure|KMS|InvalidKeyId|InvalidCiphertext)/, undefined, encrypted],
  // The text names resources too, which may be called anything: it is the words around that tell.
  [/^AccessDenied/, /\bkms:[a-z]|access to kms|the ciphertext/i, encrypted],
  [/^(AccessDenied|Unauthorized)/, undefined, forbidden],
  [/^(InternalServ|InternalFail|ServiceUnavailable|IDPCommunication)/, undefined, broken],
  [
    /^(UnknownOperation|InvalidAction)/,
    undefined,
    unavailable('other', 'what answers is not this service. Check endpoint'),
  ],
  [/^(Validation|Invalid|Malformed|Serialization|Unsupported)/, undefined, refused],
]

/** What is told of a code: it is one of AWS's and cannot quote anything. */
const shownCode = /^[A-Z][A-Za-z]{2,50}$/

/** What AWS said, as the provider's error: fixed words with a remedy. */
export function failureOf(asked: Asked, said: Said): AwsFailure {
  const { obstacle, kind, reason, words } = meaningOf(asked, said)
  const known = meanings.some(([code]) => code.test(said.code)) && shownCode.test(said.code)
  const source = known ? said.code : `status ${said.status ?? 'unknown'}`
  return new AwsFailure(
    obstacle,
    kind,
    reason,
    `${asked.place}: ${words(asked)} (${source}).`,
    said.retryAfterMs,
  )
}

function meaningOf(asked: Asked, { code, text = '', status = 0 }: Said): Meaning {
  const found = meanings.find(
    ([pattern, hint, { kind }]) =>
      pattern.test(code) &&
      (hint === undefined || hint.test(text)) &&
      // Without a key nothing can be missing: a list that is not there is not an empty one.
      (kind !== 'missing' || asked.key !== undefined),
  )
  if (found !== undefined) return found[2]
  if (status === 429) return throttled
  if (status === 401 || status === 403) return forbidden
  return status >= 400 && status < 500 ? refused : broken
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
