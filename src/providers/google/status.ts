import { isJsonObject, parseJson } from '../shared/json.ts'
import { Malformed } from '../shared/malformed.ts'

/**
 * What an error of a Google API says of itself (AIP-193), as far as it is from fixed sets of words. Its message is kept
 * nowhere: it may quote anything.
 */
export interface Status {
  /** A code of google.rpc, such as `PERMISSION_DENIED`. */
  readonly code: string | undefined
  /** Of google.rpc.ErrorInfo, such as `SERVICE_DISABLED`. */
  readonly reason: Reason | undefined
  /** Of google.rpc.RetryInfo, in milliseconds. */
  readonly retryAfterMs: number | undefined
  /** In which state a version is that has no value to give. */
  readonly state: 'DISABLED' | 'DESTROYED' | undefined
  /** Whether it says that a secret or a version is not there, and not a method, a service or something else. */
  readonly isOfSecret: boolean
}

const codes = new Set([
  'INVALID_ARGUMENT',
  'FAILED_PRECONDITION',
  'OUT_OF_RANGE',
  'UNAUTHENTICATED',
  'PERMISSION_DENIED',
  'NOT_FOUND',
  'ABORTED',
  'ALREADY_EXISTS',
  'RESOURCE_EXHAUSTED',
  'CANCELLED',
  'DATA_LOSS',
  'UNKNOWN',
  'INTERNAL',
  'UNIMPLEMENTED',
  'UNAVAILABLE',
  'DEADLINE_EXCEEDED',
])

/** Those of google.api.ErrorReason that there is something to say of. */
const reasons = [
  'SERVICE_DISABLED',
  'BILLING_DISABLED',
  'RATE_LIMIT_EXCEEDED',
  'RESOURCE_QUOTA_EXCEEDED',
  'ACCESS_TOKEN_EXPIRED',
  'ACCESS_TOKEN_SCOPE_INSUFFICIENT',
  'ACCESS_TOKEN_TYPE_UNSUPPORTED',
  'CREDENTIALS_MISSING',
  'ACCOUNT_STATE_INVALID',
  'CONSUMER_INVALID',
  'CONSUMER_SUSPENDED',
  'USER_PROJECT_DENIED',
  'SECURITY_POLICY_VIOLATED',
  'LOCATION_POLICY_VIOLATED',
  'LOCATION_ORG_POLICY_VIOLATED',
  'ORG_RESTRICTION_VIOLATION',
  'IAM_PERMISSION_DENIED',
] as const

export type Reason = (typeof reasons)[number]

const nothing: Status = {
  code: undefined,
  reason: undefined,
  retryAfterMs: undefined,
  state: undefined,
  isOfSecret: false,
}

/** `Secret [projects/…/secrets/…] not found or has no versions.`, `Secret Version [projects/…/versions/…] not found.` */
const absence = /^Secret(?: [A-Za-z]{1,20}){0,3} \[projects\/[^\]]{1,1000}\] not found\b/

/** The status in the body of an answer; nothing of it where that is no error of a Google API. */
export function statusOf(body: Buffer): Status {
  const error = errorIn(body)
  if (error === undefined) return nothing
  const details = Array.isArray(error.details) ? error.details.filter(isJsonObject) : []
  const named = details.map(({ reason }) => reason)
  return {
    code: typeof error.status === 'string' && codes.has(error.status) ? error.status : undefined,
    reason: reasons.find((reason) => named.includes(reason)),
    retryAfterMs: details.map(({ retryDelay }) => milliseconds(retryDelay)).find((ms) => ms !== undefined),
    // Nothing but the message tells these apart.
    state: stateIn(error.message),
    isOfSecret: typeof error.message === 'string' && absence.test(error.message),
  }
}

function errorIn(body: Buffer): Record<string, unknown> | undefined {
  try {
    const answer = parseJson(body)
    return isJsonObject(answer) && isJsonObject(answer.error) ? answer.error : undefined
  } catch (error) {
    if (error instanceof Malformed) return undefined
    throw error
  }
}

function stateIn(message: unknown): Status['state'] {
  if (typeof message !== 'string') return undefined
  if (/\bin DISABLED state\b/.test(message)) return 'DISABLED'
  return /\bin DESTROYED state\b/.test(message) ? 'DESTROYED' : undefined
}

/** A google.protobuf.Duration in JSON; of what is longer than an hour, an hour. */
function milliseconds(duration: unknown): number | undefined {
  if (typeof duration !== 'string') return undefined
  const seconds = /^(\d{1,12}(?:\.\d{1,9})?)s$/.exec(duration)?.[1]
  return seconds === undefined ? undefined : Math.min(Math.ceil(Number(seconds) * 1000), 3_600_000)
}
