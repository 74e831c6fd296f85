import { ProviderError, type ProviderErrorKind, type ProviderErrorReason } from '../../secrets/provider.ts'
import type { Answer } from '../shared/http/exchange.ts'
import { retryAfterMs } from '../shared/http/retry-after.ts'
import { type Reason, type Status, statusOf } from './status.ts'

/** Which request an answer belongs to. */
export interface Asked {
  /** For messages: the provider, the method and the URL without its query. */
  readonly place: string
  /** The key, where it was for a value; a list otherwise. */
  readonly key: string | undefined
  readonly permission: string
  /** A role that has the permission and little else. */
  readonly role: string
  /** What the permission is needed on. */
  readonly resource: string
}

interface Meaning {
  readonly kind: ProviderErrorKind
  readonly reason: ProviderErrorReason
  readonly words: string
}

const denied = (words: string): Meaning => ({ kind: 'denied', reason: 'denied', words })
const unavailable = (words: string): Meaning => ({ kind: 'unavailable', reason: 'status', words })
const missing = (words: string): Meaning => ({ kind: 'missing', reason: 'not-found', words })

/** What an answer means that is no 200. `wall` is milliseconds since the epoch. */
export function failureOf(asked: Asked, answer: Answer, wall: number): ProviderError {
  const status = statusOf(answer.body)
  const { kind, reason, words } = meaningOf(asked, answer.status, status)
  const name = [answer.status, status.code, status.reason].filter((part) => part !== undefined).join(' ')
  return new ProviderError(kind, reason, `${asked.place}: ${words} (${name}).`, {
    retryAfterMs: retryAfterMs(answer.headers.get('retry-after'), wall) ?? status.retryAfterMs,
  })
}

function meaningOf(asked: Asked, http: number, status: Status): Meaning {
  if (http === 401 || http === 403) return denied(refusal(asked, http, status.reason))
  if (http === 429 || status.code === 'RESOURCE_EXHAUSTED') {
    const words = 'the quota of the project is used up. Raise refresh, or ask for a larger quota'
    return { kind: 'throttled', reason: 'throttled', words }
  }
  if (http === 404) return notFound(asked, status)
  if (status.code === 'FAILED_PRECONDITION') return unfit(asked, status)
  if (http >= 500) return unavailable('Google failed')
  if (status.code === 'INVALID_ARGUMENT') {
    return unavailable('the request is not accepted. Check the key, project and location')
  }
  return unavailable('the request is not accepted. Check endpoint and location')
}

/** A 404 that Secret Manager did not speak of a secret may be anybody's: it must not have one dropped. */
function notFound({ key }: Asked, { code, isOfSecret }: Status): Meaning {
  if (code !== 'NOT_FOUND' || (key !== undefined && !isOfSecret))
    return unavailable('there is no Secret Manager at this address. Check endpoint')
  if (key === undefined) return unavailable('there is nothing to list. Check project and location')
  return missing(`there is no secret with the key "${key}", or it has no such version`)
}

function unfit({ key }: Asked, { state }: Status): Meaning {
  if (key !== undefined && state === 'DESTROYED') {
    return missing(`the version that the key "${key}" stands for is destroyed. Add a version`)
  }
  if (key !== undefined && state === 'DISABLED') {
    return denied(
      `the version that the key "${key}" stands for is disabled. Enable it, add a version, or name another one in the key`,
    )
  }
  return unavailable(
    'the state of the secret does not allow it. Check the state of its version, and of the key in Cloud KMS that encrypts it',
  )
}

function refusal(asked: Asked, http: number, reason: Reason | undefined): string {
  const known = reason === undefined ? undefined : refusals[reason]
  if (known !== undefined) return known
  if (http === 401)
    return 'the access token is not accepted, nor is a new one. Check endpoint and the credentials'
  const { permission, role, resource, key } = asked
  const maybe =
    key === undefined ? '' : '; or there is no such secret, which Google tells only those who may list'
  return `the account lacks the permission ${permission}. Grant it ${role} on ${resource}${maybe}`
}

const refusals: { readonly [reason in Reason]?: string } = {
  SERVICE_DISABLED:
    'the Secret Manager API is not enabled in the project. Enable secretmanager.googleapis.com there',
  BILLING_DISABLED: 'the project has no billing account. Link one',
  ACCESS_TOKEN_EXPIRED: 'the access token has expired, and so has a new one. Check the clock of this machine',
  ACCESS_TOKEN_SCOPE_INSUFFICIENT:
    'the access token lacks the scope cloud-platform. Give it to the virtual machine or node pool, or use Workload Identity',
  ACCESS_TOKEN_TYPE_UNSUPPORTED: 'the access token is of a kind that is not accepted. Check the credentials',
  CREDENTIALS_MISSING: 'the access token did not arrive. Check endpoint and what is between',
  ACCOUNT_STATE_INVALID: 'the account was disabled or deleted. Enable it, or use another one',
  CONSUMER_INVALID: 'there is no such project. Check project and quotaProject',
  CONSUMER_SUSPENDED: 'the project is suspended',
  USER_PROJECT_DENIED:
    'the account may not use the quota of quotaProject. Grant it roles/serviceusage.serviceUsageConsumer there',
  SECURITY_POLICY_VIOLATED:
    'VPC Service Controls forbid it. Add this network or account to the perimeter of the project',
  LOCATION_POLICY_VIOLATED: 'a location policy forbids it. Check location',
  LOCATION_ORG_POLICY_VIOLATED: 'a location policy of the organisation forbids it. Check location',
  ORG_RESTRICTION_VIOLATION: 'the organisation restricts where its resources may be reached from',
}
