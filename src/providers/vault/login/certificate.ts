import type { VaultClient } from '../client.ts'
import { type LogIn, logInWith } from './method.ts'

/** Over mutual TLS: the connection shows `certificate`, which is read again for each request. */
export function certificateLogin(
  client: VaultClient,
  { role, mount }: { readonly role?: string | undefined; readonly mount: string },
): LogIn {
  const fits = role === undefined ? `a role of auth/${mount}` : `the role ${JSON.stringify(role)}`
  const why = `certificate is not one that ${fits} trusts, or the TLS connection ends at something before Vault.`
  const body = role === undefined ? {} : { name: role }
  return (signal) => logInWith(client, mount, body, () => why, signal)
}
