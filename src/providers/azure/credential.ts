import { createPrivateKey, type KeyObject, X509Certificate } from 'node:crypto'
import {
  ClientAssertionCredential,
  ClientCertificateCredential,
  ClientSecretCredential,
  ManagedIdentityCredential,
} from '@azure/identity'
import type { StringSource } from '../../config/source.ts'
import { CodedError } from '../../errors.ts'
import { ProviderError } from '../../secrets/provider.ts'
import type { Identity } from './identity.ts'
import { identityHttp } from './identity-http.ts'

export type Credential =
  | ClientAssertionCredential
  | ClientCertificateCredential
  | ClientSecretCredential
  | ManagedIdentityCredential

/** When to try again is decided elsewhere, and a redirect could lead a credential away. */
const http = {
  httpClient: identityHttp,
  retryOptions: { maxRetries: 0 },
  redirectOptions: { maxRetries: 0 },
}

/**
 * The identity library's credential, with what the sources hold now. It is made for one sign-in: what it keeps would be
 * another cache of tokens, on another clock.
 *
 * @param authority `https://login.microsoftonline.com`. Rejects with a ProviderError that begins with `place`.
 */
export async function credentialOf(
  identity: Identity,
  authority: string,
  place: string,
): Promise<Credential> {
  // The operator says which authority it is; nobody else is asked whether it is one.
  const options = { ...http, authorityHost: authority, disableInstanceDiscovery: true }
  const read = (source: StringSource, option: string) => readSource(source, `${place}: ${option}`)
  try {
    switch (identity.kind) {
      case 'managedIdentity': {
        const { clientId, resourceId } = identity
        if (resourceId !== undefined) return new ManagedIdentityCredential({ ...http, resourceId })
        return new ManagedIdentityCredential({ ...http, ...(clientId !== undefined && { clientId }) })
      }
      case 'workloadIdentity': {
        const token = (await read(identity.token, 'credential.workloadIdentity.tokenFile')).trim()
        return new ClientAssertionCredential(identity.tenantId, identity.clientId, async () => token, options)
      }
      case 'clientSecret': {
        const secret = await read(identity.secret, 'credential.clientSecret.clientSecret')
        return new ClientSecretCredential(identity.tenantId, identity.clientId, secret, options)
      }
      case 'clientCertificate': {
        const option = 'credential.clientCertificate.certificate'
        const certificate = await read(identity.certificate, option)
        const problem = problemOf(certificate)
        if (problem !== undefined) {
          const words = `${option}: ${identity.certificate.describe()} ${problem}.`
          throw new ProviderError('unavailable', 'credential', `${place}: ${words}`)
        }
        return new ClientCertificateCredential(identity.tenantId, identity.clientId, { certificate }, options)
      }
    }
  } catch (error) {
    if (error instanceof ProviderError) throw error
    const words = `the identity library takes no such credential (${nameOf(error)}).`
    throw new ProviderError('unavailable', 'credential', `${place}: ${words}`)
  }
}

/** What an error of the library is called. Its message may quote anything. */
export function nameOf(error: unknown): string {
  const name = error instanceof Error ? error.name : ''
  return /^[A-Za-z]{0,40}Error$/.test(name) ? name : 'no error that has a name'
}

/** Why this is no certificate to sign in with; the library would say so in OpenSSL's words. */
function problemOf(pem: string): string | undefined {
  let key: KeyObject
  try {
    key = createPrivateKey(pem)
  } catch {
    return 'holds no private key in PEM that can be read without a passphrase'
  }
  if (key.asymmetricKeyType !== 'rsa')
    return 'holds a private key that is no RSA key, and no other can sign in'
  try {
    return new X509Certificate(pem).checkPrivateKey(key)
      ? undefined
      : "holds a key that is not the certificate's"
  } catch {
    return 'holds no certificate in PEM that can be read'
  }
}

async function readSource(source: StringSource, option: string): Promise<string> {
  try {
    return await source.read()
  } catch (error) {
    const words = error instanceof CodedError ? error.message : `${source.describe()} cannot be read.`
    throw new ProviderError('unavailable', 'credential', `${option}: ${words}`)
  }
}
