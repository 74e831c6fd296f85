import type { Test } from 'tap'
import type { AzureKeyVaultConfig } from '../../../src/config/schema.ts'
import { StringSource } from '../../../src/config/source.ts'
import { createProvider } from '../../../src/providers/registry.ts'
import type { Provider, ProviderContext } from '../../../src/secrets/provider.ts'
import { type Authority, createAuthority } from '../../support/certificates.ts'
import {
  clientId,
  type FakeEntra,
  type Registered,
  startEntra,
  tenantId,
} from '../../support/fake-azure-entra.ts'
import { type FakeVault, issuedBy, startVault, vaultResource } from '../../support/fake-azure-vault.ts'
import { context } from '../conformance.ts'

/** The authority of all that the fakes show. */
export const authority: Authority = createAuthority()

export const secretCredential = {
  clientSecret: { tenantId, clientId, clientSecret: new StringSource('CANARY-client-secret') },
} as const

/** A provider with the defaults of the configuration, closed when the test ends. */
export async function vaultProvider(
  t: Test,
  url: string,
  more: Partial<AzureKeyVaultConfig> = {},
  around: Partial<ProviderContext> = {},
): Promise<Provider> {
  const config: AzureKeyVaultConfig = {
    type: 'azure-key-vault',
    url,
    resource: vaultResource,
    certificates: 'pem',
    ca: new StringSource(authority.ca, 'text'),
    timeout: 10_000,
    maxBody: 1024 * 1024,
    maxSecrets: 10_000,
    maxConcurrentCalls: 8,
    ...more,
  }
  const provider = await createProvider(config, context(t, around))
  t.teardown(() => provider.close?.())
  return provider
}

export interface Azure {
  readonly entra: FakeEntra
  readonly vault: FakeVault
  readonly provider: Provider
}

/** A vault, Microsoft Entra ID with an application that has a client secret, and a provider that uses both. */
export async function azure(
  t: Test,
  more: Partial<AzureKeyVaultConfig> = {},
  around: Partial<ProviderContext> = {},
  application: Registered = { secret: 'CANARY-client-secret' },
): Promise<Azure> {
  const entra = await startEntra(t, authority, application)
  const vault = await startVault(t, issuedBy(entra))
  const provider = await vaultProvider(
    t,
    vault.origin,
    { credential: secretCredential, authorityHost: entra.origin, ...more },
    around,
  )
  return { entra, vault, provider }
}

/** Variables of the environment for one test; undefined takes one away. */
export function setEnvironment(t: Test, variables: Readonly<Record<string, string | undefined>>): void {
  for (const [name, value] of Object.entries(variables)) {
    const before = process.env[name]
    t.teardown(() => assign(name, before))
    assign(name, value)
  }
}

function assign(name: string, value: string | undefined): void {
  if (value === undefined) delete process.env[name]
  else process.env[name] = value
}
