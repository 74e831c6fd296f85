import type { VaultProviderConfig } from '../../config/schema.ts'
import type { ProviderContext } from '../../secrets/provider.ts'
import type { VaultClient } from './client.ts'
import { GivenSession } from './given-session.ts'
import type { HandedOut } from './handed-out.ts'
import { appRoleLogin } from './login/app-role.ts'
import { certificateLogin } from './login/certificate.ts'
import { jwtLogin } from './login/jwt.ts'
import type { LogIn } from './login/method.ts'
import { LoginSession } from './login-session.ts'
import type { Session } from './session.ts'
import type { Token } from './token.ts'

export interface SessionParts {
  readonly client: VaultClient
  readonly handedOut: HandedOut
  readonly random: () => number
}

/** The session that a configuration names. */
export function sessionOf(
  { auth }: VaultProviderConfig,
  { name, clock, warn }: ProviderContext,
  { client, handedOut, random }: SessionParts,
): Session {
  const isNeeded = (token: Token): boolean => handedOut.hangsOn(token)
  if (auth.token !== undefined) {
    return new GivenSession({ client, clock, random, warn, source: auth.token, isNeeded })
  }
  const logIn = loginOf(auth, client)
  if (logIn === undefined) throw new Error(`provider "${name}": auth has no member`)
  return new LoginSession({
    client,
    clock,
    random,
    logIn,
    warn,
    isNeeded,
  })
}

function loginOf(
  { appRole, kubernetes, jwt, certificate }: VaultProviderConfig['auth'],
  client: VaultClient,
): LogIn | undefined {
  if (appRole !== undefined) return appRoleLogin(client, appRole)
  if (kubernetes !== undefined) return jwtLogin(client, kubernetes, 'auth.kubernetes')
  if (jwt !== undefined) return jwtLogin(client, jwt, 'auth.jwt')
  return certificate === undefined ? undefined : certificateLogin(client, certificate)
}
