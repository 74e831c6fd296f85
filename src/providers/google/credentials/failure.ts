import { ProviderError, type ProviderErrorKind, type ProviderErrorReason } from '../../../secrets/provider.ts'
import type { Answer } from '../../shared/http/exchange.ts'
import { retryAfterMs } from '../../shared/http/retry-after.ts'
import { type Reason, statusOf } from '../status.ts'
import { isObject, parsed } from './json.ts'

/** What a request of a login is for. */
export type Step =
  /** A token for a key or a refresh token (RFC 6749, RFC 7523). */
  | 'grant'
  /** A token for one of another identity provider (RFC 8693). */
  | 'exchange'
  /** A token of the service account that is acted as. */
  | 'impersonation'
  /** What is to be exchanged, from where it comes. */
  | 'source'

/** What an answer to a step of a login means that is no 2xx. `wall` is milliseconds since the epoch. */
export function loginFailure(step: Step, place: string, answer: Answer, wall: number): ProviderError {
  const { status, headers, body } = answer
  const google = statusOf(body)
  const wait = retryAfterMs(headers.get('retry-after'), wall) ?? google.retryAfterMs
  const told = (kind: ProviderErrorKind, reason: ProviderErrorReason, words: string, code?: string) => {
    const name = code === undefined ? `status ${status}` : `${status} ${code}`
    return new ProviderError(kind, reason, `${place}: ${words} (${name}).`, { retryAfterMs: wait })
  }
  if (status === 429) return told('throttled', 'throttled', 'it asks for fewer calls')
  if (status >= 500) return told('unavailable', 'status', 'what gives access tokens failed')
  if (step === 'source') {
    const words = 'it gives no token to be exchanged. Check credential_source of the credentials'
    return told('unavailable', 'credential', words)
  }
  if (step === 'impersonation') {
    const words =
      (google.reason === undefined ? undefined : impersonation[google.reason]) ?? usualImpersonation
    return told('denied', 'denied', words, google.reason ?? google.code)
  }
  const { code, description } = oauthError(body)
  if (code === undefined) {
    return told('unavailable', 'status', 'it accepts no request like this. Check the URL in the credentials')
  }
  return told('denied', 'denied', step === 'exchange' ? exchange(code, description) : grant(code), code)
}

const usualImpersonation =
  'the credentials may not act as this service account, or there is none of this name. Grant them roles/iam.serviceAccountTokenCreator on it'

const impersonation: { readonly [reason in Reason]?: string } = {
  SERVICE_DISABLED:
    'the IAM Service Account Credentials API is not enabled. Enable iamcredentials.googleapis.com in the project of the credentials',
  ACCESS_TOKEN_SCOPE_INSUFFICIENT:
    'the access token lacks the scope cloud-platform. Give it to the virtual machine or node pool, or use Workload Identity',
}

/** Of RFC 6749, section 5.2, and RFC 8693, section 2.2.2. */
const oauthCodes = [
  'invalid_request',
  'invalid_client',
  'invalid_grant',
  'unauthorized_client',
  'unsupported_grant_type',
  'invalid_scope',
  'invalid_target',
  'access_denied',
] as const

type OauthCode = (typeof oauthCodes)[number]

function oauthError(body: Buffer): { code: OauthCode | undefined; description: string } {
  const answer = parsed(body.toString('utf8'))
  const { error, error_description: description } = isObject(answer) ? answer : {}
  return {
    code: oauthCodes.find((code) => code === error),
    // To tell failures of one code apart, and never shown.
    description: typeof description === 'string' ? description : '',
  }
}

function grant(code: OauthCode): string {
  if (code === 'invalid_grant') {
    return 'the credentials are not accepted: their key, account or consent was deleted, disabled or has expired, or the clock of this machine is wrong. Renew them'
  }
  if (code === 'invalid_client') return 'the client of the credentials is not accepted. Renew them'
  return 'the credentials are not accepted for this. Check the account that they are of'
}

function exchange(code: OauthCode, description: string): string {
  if (code === 'invalid_target') {
    return 'there is no such workload identity pool or provider, or it is disabled. Check audience in the credentials'
  }
  if (code === 'unauthorized_client') {
    return "the provider's attribute condition rejects the token. Check the condition, and whose token it is"
  }
  if (code === 'invalid_client')
    return 'the client of the credentials is not accepted. Check client_id and client_secret'
  if (/\baudience\b/i.test(description)) {
    return "the token is for another audience. Make it for one that the workload identity provider allows, by default the provider's own name"
  }
  if (/\b(?:expired|stale)\b/i.test(description)) {
    return 'the token to be exchanged has expired. Check what renews it, and the clock of this machine'
  }
  if (/\bissuer\b/i.test(description)) {
    return 'the token is of another issuer. Check the issuer of the workload identity provider'
  }
  return 'the token to be exchanged is not accepted. Check its issuer, audience, subject and expiry against the workload identity provider'
}
