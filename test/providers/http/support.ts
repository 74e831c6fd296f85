import type { Test } from 'tap'
import type { HttpProviderConfig } from '../../../src/config/schema.ts'
import { createProvider } from '../../../src/providers/registry.ts'
import type { Provider, ProviderContext } from '../../../src/secrets/provider.ts'
import { context } from '../conformance.ts'

/** A provider for `url` with the defaults of the configuration and no token, closed when the test ends. */
export async function httpProvider(
  t: Test,
  url: string,
  more: Partial<HttpProviderConfig> = {},
  around: Partial<ProviderContext> = {},
): Promise<Provider> {
  const defaults = {
    timeout: 5000,
    maxBody: 1024 * 1024,
    maxRemembered: 16 * 1024 * 1024,
    maxSecrets: 10_000,
    maxConcurrentCalls: 8,
  }
  const provider = await createProvider({ type: 'http', url, ...defaults, ...more }, context(t, around))
  t.teardown(() => provider.close?.())
  return provider
}
