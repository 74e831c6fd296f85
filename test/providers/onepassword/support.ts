import type { Test } from 'tap'
import type { OnepasswordConnectConfig } from '../../../src/config/schema.ts'
import { StringSource } from '../../../src/config/source.ts'
import { createProvider } from '../../../src/providers/registry.ts'
import {
  type Fetched,
  type Provider,
  type ProviderContext,
  ProviderError,
  type Unchanged,
} from '../../../src/secrets/provider.ts'
import { connectToken } from '../../support/fake-onepassword.ts'
import { context, signal } from '../conformance.ts'

/** A provider with the defaults of the configuration and the right token, closed when the test ends. */
export async function connectProvider(
  t: Test,
  url: string,
  more: Partial<OnepasswordConnectConfig> = {},
  around: Partial<ProviderContext> = {},
): Promise<Provider> {
  const provider = await createProvider(
    {
      type: 'onepassword-connect',
      url,
      token: new StringSource(connectToken),
      timeout: 5000,
      maxBody: 4 * 1024 * 1024,
      maxSecrets: 10_000,
      maxConcurrentCalls: 8,
      ...more,
    },
    context(t, around),
  )
  t.teardown(() => provider.close?.())
  return provider
}

/** What one key brings. */
export async function fetchOne(
  provider: Provider,
  key: string,
  held?: ReadonlyMap<string, string>,
): Promise<Fetched | Unchanged | ProviderError | undefined> {
  return (await provider.fetch([key], signal(), held)).get(key)
}

/** The error that one key brings. */
export async function errorOf(provider: Provider, key: string): Promise<ProviderError> {
  const error = await fetchOne(provider, key)
  if (error instanceof ProviderError) return error
  throw new Error(`the fetch of ${key} brought something else than an error`)
}

/** What a promise rejects with. */
export async function rejection(given: Promise<unknown> | undefined): Promise<unknown> {
  try {
    await given
  } catch (error) {
    return error
  }
  throw new Error('the promise did not reject')
}
