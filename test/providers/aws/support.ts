import { createHash } from 'node:crypto'
import type { Test } from 'tap'
import type { AwsParameterStoreConfig, AwsSecretsManagerConfig } from '../../../src/config/schema.ts'
import { createProvider } from '../../../src/providers/registry.ts'
import type { Provider, ProviderContext } from '../../../src/secrets/provider.ts'
import type { FakeAws } from '../../support/fake-aws.ts'
import { arnOf } from '../../support/fake-aws-services.ts'
import { type Brought, context, signal } from '../conformance.ts'

const bounds = { timeout: 5000, maxBody: 1024 * 1024, maxSecrets: 10_000, maxConcurrentCalls: 8 }
const region = 'eu-central-1'

/** Static credentials that `FakeAws` knows. */
export const staticKeys = {
  AWS_ACCESS_KEY_ID: 'AKIATEST',
  AWS_SECRET_ACCESS_KEY: 'CANARY-secret-access-key',
}

/**
 * Whatever the environment says of AWS is not to be seen by a test, but what the test says itself. It is put back when
 * the test ends.
 */
export function environment(t: Test, variables: Readonly<Record<string, string>>): void {
  const before = { ...process.env }
  for (const name of Object.keys(process.env)) if (name.startsWith('AWS_')) delete process.env[name]
  const nowhere = {
    AWS_CONFIG_FILE: '/nonexistent/config',
    AWS_SHARED_CREDENTIALS_FILE: '/nonexistent/credentials',
    AWS_EC2_METADATA_DISABLED: 'true',
  }
  Object.assign(process.env, nowhere, variables)
  t.teardown(() => {
    for (const name of Object.keys(process.env)) if (name.startsWith('AWS_')) delete process.env[name]
    Object.assign(process.env, before)
  })
}

/** With the defaults of the configuration, closed when the test ends. */
export async function secretsManager(
  t: Test,
  endpoint: string,
  more: Partial<AwsSecretsManagerConfig> = {},
  around: Partial<ProviderContext> = {},
): Promise<Provider> {
  const config = { type: 'aws-secrets-manager', region, endpoint, ...bounds, ...more } as const
  const provider = await createProvider(config, context(t, around))
  t.teardown(() => provider.close?.())
  return provider
}

/** With the defaults of the configuration, closed when the test ends. */
export async function parameterStore(
  t: Test,
  endpoint: string,
  more: Partial<AwsParameterStoreConfig> = {},
  around: Partial<ProviderContext> = {},
): Promise<Provider> {
  const config = { type: 'aws-parameter-store', region, endpoint, ...bounds, ...more } as const
  const provider = await createProvider(config, context(t, around))
  t.teardown(() => provider.close?.())
  return provider
}

/** Has a secret of that name hold a text from now on; the version before keeps a stage. */
export function putSecret(fake: FakeAws, name: string, text: string, id = versionOf(text)): void {
  const former = fake.secrets.get(name)?.versions ?? []
  const previous = former.filter(({ stages }) => stages.includes('AWSCURRENT'))
  const versions = [
    { id, stages: ['AWSCURRENT'], text },
    ...previous.map((version) => ({ ...version, stages: ['AWSPREVIOUS'] })),
  ]
  fake.secrets.set(name, { arn: arnOf(name), versions })
}

/** An id as AWS makes them. */
export function versionOf(text: string): string {
  return createHash('sha256').update(text).digest('hex').slice(0, 32)
}

/** What `listKeys` gives for these patterns. */
export async function listed(provider: Provider, ...patterns: string[]): Promise<readonly string[]> {
  if (provider.listKeys === undefined) throw new Error('it cannot list')
  return await provider.listKeys(patterns, signal())
}

/** What `fetchAll` gives. */
export async function fetchedAll(provider: Provider): Promise<Map<string, Brought>> {
  if (provider.fetchAll === undefined) throw new Error('it cannot fetch all')
  return await provider.fetchAll(signal())
}
