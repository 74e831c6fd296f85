import type { ProviderError } from '../../../secrets/provider.ts'
import type { VaultClient, VaultRequest } from '../client.ts'
import { denied, failureOf, unavailable } from '../failure.ts'
import { millisecondsOf, type Reply } from '../reply.ts'
import { isTokenText, Token } from '../token.ts'

/** One way to log in. Each login reads its credentials again. Rejects with a ProviderError. */
export type LogIn = (signal: AbortSignal) => Promise<Token>

/** Sends a login and takes the token out of the answer. `why` names what may be wrong where it is refused. */
export async function logInWith(
  client: VaultClient,
  mount: string,
  json: object,
  why: (reply: Reply) => string,
  signal: AbortSignal,
): Promise<Token> {
  const request: VaultRequest = { method: 'POST', path: `auth/${mount}/login`, json }
  const reply = await client.send(request, signal)
  if (!reply.isSuccess) throw loginFailure(reply, mount, why(reply))
  const auth = reply.envelope?.auth
  if (auth === undefined || typeof auth.client_token !== 'string' || !isTokenText(auth.client_token)) {
    throw unavailable(
      reply.place,
      'malformed',
      `the answer to the login holds no token. Is an auth method mounted at auth/${mount}?`,
    )
  }
  return new Token({
    text: auth.client_token,
    obtainedAt: reply.askedAt,
    ttlMs: millisecondsOf(auth.lease_duration),
    renewable: auth.renewable === true,
    isRevocable: auth.token_type !== 'batch',
  })
}

/** A login that fails says nothing of any secret: it is never *missing*. */
function loginFailure(reply: Reply, mount: string, why: string): ProviderError {
  const { place, status } = reply
  const isUnknown =
    status === 404 || reply.says(/missing client token|no handler for route|unsupported path/i)
  if (isUnknown) {
    return unavailable(
      place,
      'status',
      `no auth method is mounted at auth/${mount} (${status}). Check mount and namespace.`,
    )
  }
  if (status === 400 || status === 401 || status === 403) {
    // What is not mounted is refused as well, so that nobody can find out what is.
    const mounted = status === 403 ? ` Or no auth method is mounted at auth/${mount}.` : ''
    return denied(place, `the login was refused (${status}): ${why}${mounted}`)
  }
  return failureOf(reply)
}
