import type { StringSource } from '../../../config/source.ts'
import type { VaultClient } from '../client.ts'
import { type LogIn, logInWith } from './method.ts'
import { Unwrapped } from './wrapped.ts'

export interface AppRoleLogin {
  readonly roleId: StringSource
  readonly secretId: StringSource
  readonly wrapped: boolean
  readonly mount: string
}

/** With a role id and a secret id, each read again at each login. */
export function appRoleLogin(client: VaultClient, { roleId, secretId, wrapped, mount }: AppRoleLogin): LogIn {
  const unwrapped = wrapped ? new Unwrapped(client, secretId, mount) : undefined
  const why = `the role id from ${roleId.describe()} or the secret id from ${secretId.describe()} is wrong, used up or expired, or is not to be used from this address.${wrapped ? ' A new secret id takes a new wrapping token.' : ''}`
  return async (signal) => {
    const role_id = await client.read(roleId, 'auth.appRole.roleId')
    const secret_id =
      unwrapped === undefined
        ? await client.read(secretId, 'auth.appRole.secretId')
        : await unwrapped.secretId(signal)
    return await logInWith(client, mount, { role_id, secret_id }, () => why, signal)
  }
}
