import type { ProviderErrorKind, ProviderErrorReason } from '../../secrets/provider.ts'

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

/** What AWS said: of a call as a whole, or of one key in its answer. */
export interface Said {
  readonly code: string
  /** To tell cases apart that have one code. It may quote anything and is never shown. */
  readonly text?: string | undefined
  readonly status?: number | undefined
  readonly retryAfterMs?: number | undefined
}

export interface Meaning {
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

/** What that means for what was asked. */
export function meaningOf(asked: Asked, { code, text = '', status = 0 }: Said): Meaning {
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

/** What is told of a code: it is one of AWS's and cannot quote anything. */
const shownCode = /^[A-Z][A-Za-z]{2,50}$/

/** The code, where it is one of those above and so cannot quote anything; else the status. */
export function sourceOf({ code, status }: Said): string {
  const isKnown = shownCode.test(code) && meanings.some(([pattern]) => pattern.test(code))
  return isKnown ? code : `status ${status ?? 'unknown'}`
}
