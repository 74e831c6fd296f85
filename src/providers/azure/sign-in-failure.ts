import { ProviderError, type ProviderErrorKind, type ProviderErrorReason } from '../../secrets/provider.ts'
import { isJsonObject, jsonNumber, parseJson } from '../shared/json.ts'
import { Malformed } from '../shared/malformed.ts'
import type { Identity } from './identity.ts'

/** What is known of a refusal. */
export interface Refusal {
  readonly status: number
  /** The numbers behind `AADSTS`, the most telling first. */
  readonly codes: readonly number[]
  readonly retryAfterMs: number | undefined
}

/** Microsoft Entra authentication and authorization error codes, and what to do about each. */
const meanings: ReadonlyMap<number, string> = new Map([
  [7000215, 'the client secret is not accepted. Use its value, not its id'],
  [7000222, 'the client secret has expired. Create another for the application'],
  [700016, 'the tenant has no such application. Check clientId and tenantId'],
  [
    70021,
    'no federated identity credential matches the token. Compare its issuer, subject (system:serviceaccount:NAMESPACE:NAME) and audience (api://AzureADTokenExchange)',
  ],
  [
    700211,
    "no federated identity credential has the token's issuer. Compare it with the cluster's OIDC issuer URL",
  ],
  [
    700212,
    "no federated identity credential has the token's audience. It should be api://AzureADTokenExchange",
  ],
  [
    700213,
    "no federated identity credential has the token's subject. It should be system:serviceaccount:NAMESPACE:NAME of this pod",
  ],
  [
    700024,
    "the token of the service account, or the signed assertion, is not valid at this time. Check that the token file is renewed, and the machine's clock",
  ],
  [700027, 'the application has no such certificate. Upload it to the application'],
  [7000112, 'the application is disabled. Enable it in the tenant'],
  [90002, 'there is no such tenant at this authority. Check tenantId and authorityHost'],
  [900023, 'tenantId is no name of a tenant. Use its GUID'],
  [500011, 'the tenant does not know what the token is to be for. Check resource and authorityHost'],
  [53003, 'a Conditional Access policy blocks the sign-in. Exempt the workload identity, or its address'],
])

/** Reads what an answer that is no 200 tells by numbers. Nothing else of it is kept. */
export function codesOf(body: Buffer): number[] {
  const document = parsed(body)
  if (!isJsonObject(document)) return []
  const { error_codes: listed, error_description: told } = document
  const numbers = Array.isArray(listed) ? listed.map(jsonNumber) : []
  const written =
    typeof told === 'string'
      ? told
          .matchAll(/AADSTS(\d{2,9})/g)
          .map(([, code]) => Number(code))
          .take(4)
      : []
  return [...numbers, ...written]
    .filter((code) => code !== undefined && Number.isSafeInteger(code) && code > 0)
    .slice(0, 4) as number[]
}

function parsed(body: Buffer): unknown {
  try {
    return parseJson(body)
  } catch (error) {
    if (!(error instanceof Malformed)) throw error
    return undefined
  }
}

/** A refusal of the token endpoint as the provider's. `place` names the request. */
export function signInFailure(place: string, identity: Identity, refusal: Refusal): ProviderError {
  const { status, retryAfterMs } = refusal
  const code = refusal.codes.find((known) => meanings.has(known)) ?? refusal.codes[0]
  const shown = code === undefined ? `status ${status}` : `AADSTS${code}, status ${status}`
  const failure = (kind: ProviderErrorKind, reason: ProviderErrorReason, words: string): ProviderError =>
    new ProviderError(kind, reason, `${place}: ${words} (${shown}).`, { retryAfterMs })

  if (status === 429) return failure('throttled', 'throttled', 'too many sign-ins; fewer are asked for')
  if (status >= 500) return failure('unavailable', 'status', 'no token, as the other side failed')
  const words = code === undefined ? undefined : meanings.get(code)
  if (words !== undefined) return failure('denied', 'denied', words)
  if (identity.kind === 'managedIdentity') {
    // While an identity is being assigned its endpoint does not know it yet.
    if (status === 404 || status === 410) {
      return failure(
        'unavailable',
        'status',
        'the managed identity is not there yet, or this is not its endpoint',
      )
    }
    return failure(
      'denied',
      'denied',
      `this machine does not have ${nameOf(identity)}. Assign it, or name another in credential.managedIdentity`,
    )
  }
  if (status >= 300 && status < 400)
    return failure('unavailable', 'redirect', 'a redirect is not followed. Check authorityHost')
  if (code === undefined && status === 404)
    return failure('unavailable', 'status', 'nobody signs in here. Check authorityHost')
  return failure(
    'denied',
    'denied',
    `the sign-in of application ${identity.clientId} is refused. Look the code up`,
  )
}

function nameOf({ clientId, resourceId }: Extract<Identity, { kind: 'managedIdentity' }>): string {
  return clientId === undefined && resourceId === undefined
    ? 'a system-assigned identity'
    : 'this user-assigned identity'
}
