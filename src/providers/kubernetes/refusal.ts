import { ProviderError, type ProviderErrorKind, type ProviderErrorReason } from '../../secrets/provider.ts'
import type { Answer } from '../shared/http/exchange.ts'
import { retryAfterMs } from '../shared/http/retry-after.ts'
import { isJsonObject, parseJson } from '../shared/json.ts'
import type { Access } from './access/access.ts'

export type Verb = 'get' | 'list' | 'watch'

/** What was asked, as RBAC sees it. */
export interface Question {
  readonly verb: Verb
  /** The Secret, where it is asked for by name, be it by a field selector. */
  readonly name?: string | undefined
  /** The label selector, where there is one. */
  readonly selector?: string | undefined
}

interface Asked extends Question, Pick<Access, 'namespace' | 'credential'> {
  readonly place: string
}

/**
 * What an answer other than 200 means (the API server answers with a `Status`, kubernetes.io, "API conventions"). Of its
 * body only fixed words are looked at, and nothing is quoted. `wall` is milliseconds since the epoch.
 */
export function refusal(asked: Asked, answer: Answer, wall: number): ProviderError {
  const { status, headers } = answer
  const { place, name, namespace } = asked
  const wait = retryAfterMs(headers.get('retry-after'), wall)
  const failure = (kind: ProviderErrorKind, reason: ProviderErrorReason, words: string): ProviderError =>
    new ProviderError(kind, reason, `${place}: ${words} (status ${status}).`, { retryAfterMs: wait })

  if (status === 401) return failure('denied', 'denied', unauthorized(asked))
  if (status === 403) return failure('denied', 'denied', forbidden(asked))
  if (status === 429) return failure('throttled', 'throttled', 'the API server asks for fewer calls')
  if (status === 404) {
    // Another server's 404 does not mean that the Secret was deleted: what is held stays held.
    if (name !== undefined && isSecretNotFound(answer)) return notThere(place, name, namespace)
    return failure('unavailable', 'status', 'there is no Kubernetes API at this address. Check its URL')
  }
  if (status === 400) {
    const what = asked.selector === undefined ? 'the request' : 'the request, maybe its label selector'
    return failure('unavailable', 'status', `the API server does not accept ${what}. Check selector`)
  }
  if (status >= 500) return failure('unavailable', 'status', 'the API server failed')
  if (status >= 300 && status < 400) {
    const words = 'a redirect, which is not followed, since the token would go there. Name the final place'
    return failure('unavailable', 'redirect', words)
  }
  return failure('unavailable', 'status', 'the API server answered with another status than 200')
}

/** The Secret is not there. */
export function notThere(place: string, name: string, namespace: string): ProviderError {
  const words = `there is no Secret "${name}" in the namespace "${namespace}". Is that its namespace?`
  return new ProviderError('missing', 'not-found', `${place}: ${words}`)
}

/** Whether what was listed or watched is no longer known to the API server: it has to be listed anew. */
export function isGone({ status }: Pick<Answer, 'status'>): boolean {
  return status === 410
}

function unauthorized({ credential }: Asked): string {
  if (credential === undefined) return 'no credential was sent, and one is wanted. Set token'
  return (
    'the credential is not accepted: it may have expired, be for another audience or cluster, or its account is ' +
    `gone. Check ${credential}`
  )
}

/** The rule that is missing, as it stands in a Role (kubernetes.io, "Using RBAC Authorization"). */
function forbidden({ verb, name, namespace, credential }: Asked): string {
  const what = name === undefined ? 'Secrets' : `the Secret "${name}"`
  const names = name === undefined ? '' : `, resourceNames: ["${name}"]`
  const rule = `{ apiGroups: [""], resources: ["secrets"], verbs: ["${verb}"]${names} }`
  const anonymous = credential === undefined ? ' No credential was sent: set token, or' : ''
  return (
    `the account may not ${verb} ${what} in the namespace "${namespace}".${anonymous} ` +
    `Bind it to a Role of that namespace with the rule ${rule}, or correct namespace`
  ).replace('or Bind', 'or bind')
}

function isSecretNotFound({ body }: Answer): boolean {
  let json: unknown
  try {
    json = parseJson(body)
  } catch {
    return false
  }
  if (!isJsonObject(json) || json.kind !== 'Status' || json.reason !== 'NotFound') return false
  return isJsonObject(json.details) && json.details.kind === 'secrets'
}
