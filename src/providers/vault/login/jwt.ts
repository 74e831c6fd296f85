import type { StringSource } from '../../../config/source.ts'
import type { VaultClient } from '../client.ts'
import type { Reply } from '../reply.ts'
import { type LogIn, logInWith } from './method.ts'

export interface JwtLogin {
  readonly role: string
  readonly jwt: StringSource
  readonly mount: string
}

/** With a JSON Web Token, which whoever puts it there replaces before it expires: it is read again at each login. */
export function jwtLogin(client: VaultClient, { role, jwt, mount }: JwtLogin, option: string): LogIn {
  const place = jwt.describe()
  const why = (reply: Reply): string => {
    if (reply.says(/role .*(?:not be found|not found)|invalid role name/i)) {
      return `there is no role ${JSON.stringify(role)} at auth/${mount}. Check role and mount.`
    }
    if (reply.says(/audience|"?aud"? claim/i)) {
      return `the token from ${place} is for another audience than the role ${JSON.stringify(role)} is bound to. Let both name the same.`
    }
    if (reply.says(/expired|exp\b.*claim/i))
      return `the token from ${place} has expired. See who replaces it.`
    return `check that the role ${JSON.stringify(role)} is bound to the account, the audience and the issuer of the token from ${place}, and that it has not expired.`
  }
  return async (signal) =>
    await logInWith(client, mount, { role, jwt: await client.read(jwt, `${option}.jwt`) }, why, signal)
}
