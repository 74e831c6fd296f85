import { ProviderError, type ProviderErrorKind, type ProviderErrorReason } from '../../secrets/provider.ts'
import type { Answer } from '../shared/http/exchange.ts'
import { retryAfterMs } from '../shared/http/retry-after.ts'
import { isJsonObject, parseJson } from '../shared/json.ts'
import { Malformed } from '../shared/malformed.ts'

/** Which request an answer belongs to. */
export interface Asked {
  /** For messages: the provider, the method and the URL without its query. */
  readonly place: string
  /** The key, where the request was for one; else it was for the list. */
  readonly key: string | undefined
}

/** What of an error's body tells failures apart. None of it is shown. */
interface Told {
  readonly code: string
  readonly inner: string
  readonly message: string
}

/** Why the vault forbids, by its inner code: what to do. `{permission}` is `get` or `list`. */
const forbidden: ReadonlyMap<string, string> = new Map([
  [
    'ForbiddenByRbac',
    'no role assignment allows this identity to {permission} it. Assign the role Key Vault Secrets User, {scope}; a new assignment takes some minutes',
  ],
  [
    'ForbiddenByPolicy',
    "the vault's access policies do not give this identity the secret permission {permission}. Add it",
  ],
  [
    'AccessDenied',
    "the vault's access policies do not give this identity the secret permission {permission}. Add it",
  ],
  [
    'ForbiddenByFirewall',
    "the vault's firewall does not let this address in. Allow the address or subnet that the pod leaves from, or use a private endpoint",
  ],
  [
    'ForbiddenByConnection',
    'the vault is closed to public networks. Reach it by its private endpoint: its name must resolve to a private address (zone privatelink.vaultcore.azure.net)',
  ],
])

/** What an answer that is no 200 means. Overwrites its body. `wall` is milliseconds since the epoch. */
export function vaultFailure({ place, key }: Asked, answer: Answer, wall: number): ProviderError {
  const { status, headers } = answer
  const told = readError(answer)
  const wait = retryAfterMs(headers.get('retry-after'), wall)
  const failure = (kind: ProviderErrorKind, reason: ProviderErrorReason, words: string): ProviderError =>
    new ProviderError(kind, reason, `${place}: ${words} (status ${status}).`, { retryAfterMs: wait })

  if (key !== undefined && isDeleted(told)) {
    const words = `the secret "${key}" is deleted, and can be recovered (az keyvault secret recover)`
    return failure('missing', 'not-found', words)
  }
  if (status === 403) return failure('denied', 'denied', whyForbidden(told, key))
  if (status === 404) {
    if (key !== undefined && told.code === 'SecretNotFound') {
      const words = `there is no secret with the key "${key}". One that was deleted lately may be recovered`
      return failure('missing', 'not-found', words)
    }
    // What is no answer of a vault does not mean that every secret was deleted: what is held stays held.
    return failure('unavailable', 'status', 'there is no Key Vault at this address. Check url')
  }
  if (status === 429) return failure('throttled', 'throttled', 'the vault asks for fewer calls')
  if (status >= 500) return failure('unavailable', 'status', 'the vault failed')
  if (status >= 300 && status < 400) {
    return failure('unavailable', 'redirect', 'a redirect is not followed. Check url')
  }
  return failure('unavailable', 'status', 'the vault did not accept the request. Check url')
}

/** A 401 to a token that is new. */
export function tokenRefused(place: string, answer: Answer, isForeignTenant: boolean): ProviderError {
  const { code, message } = readError(answer)
  const number = /\bAKV\d{5}\b/.exec(`${code} ${message}`)?.[0]
  const shown = number === undefined ? `status ${answer.status}` : `${number}, status ${answer.status}`
  // "Invalid issuer": the token comes from another directory than the one that the vault belongs to.
  const words =
    isForeignTenant || number === 'AKV10032'
      ? "the vault belongs to another tenant than the one that was signed in to. Check tenantId, or the vault's tenant"
      : 'the token is not accepted. Is url a vault of the cloud that authorityHost is of?'
  return new ProviderError('denied', 'denied', `${place}: ${words} (${shown}).`)
}

function whyForbidden({ inner, message }: Told, key: string | undefined): string {
  if (inner === 'SecretDisabled' || /is not allowed on a disabled secret/i.test(message)) {
    return 'the secret is disabled. Enable it, or name a version that is'
  }
  if (/is not allowed on an expired secret/i.test(message))
    return 'the secret has expired. Set another version'
  const words =
    forbidden.get(inner) ??
    'the vault forbids it. Check the role Key Vault Secrets User, or access policies, and the firewall of the vault'
  return words
    .replace('{permission}', key === undefined ? 'list' : 'get')
    .replace('{scope}', key === undefined ? 'for the whole vault' : 'for the secret or the vault')
}

function isDeleted({ code, inner, message }: Told): boolean {
  const named = [code, inner].includes('ObjectIsDeletedButRecoverable')
  return named || /currently in a deleted but recoverable state/i.test(message)
}

/** `{"error":{"code","message","innererror":{"code"}}}`; empty texts where it is none. Overwrites the body. */
function readError({ body }: Answer): Told {
  const error = member(parsed(body), 'error')
  const inner = member(error, 'innererror') ?? member(error, 'innerError')
  return { code: text(error, 'code'), inner: text(inner, 'code'), message: text(error, 'message') }
}

function parsed(body: Buffer): unknown {
  try {
    return parseJson(body)
  } catch (error) {
    if (!(error instanceof Malformed)) throw error
    return undefined
  } finally {
    body.fill(0)
  }
}

function member(value: unknown, name: string): unknown {
  return isJsonObject(value) && Object.hasOwn(value, name) ? value[name] : undefined
}

function text(value: unknown, name: string): string {
  const found = member(value, name)
  return typeof found === 'string' ? found.slice(0, 2000) : ''
}
