import type { Test } from 'tap'
import type { GoogleSecretManagerConfig } from '../../../src/config/schema.ts'
import { StringSource } from '../../../src/config/source.ts'
import { createGoogleSecretManager } from '../../../src/providers/google/provider.ts'
import type { Provider, ProviderContext } from '../../../src/secrets/provider.ts'
import type { FakeGoogle } from '../../support/fake-google.ts'
import { context } from '../conformance.ts'

/** Nothing of the machine that the tests run on, and no metadata server but the fake. */
export function environment(google: FakeGoogle | undefined, more: NodeJS.ProcessEnv = {}): NodeJS.ProcessEnv {
  return google === undefined
    ? { METADATA_SERVER_DETECTION: 'none', ...more }
    : { GCE_METADATA_HOST: google.host, ...more }
}

export interface Around extends Partial<ProviderContext> {
  readonly env?: NodeJS.ProcessEnv
  /** Where Secret Manager is, where that is not the fake. */
  readonly endpoint?: string
}

/** A provider of the fake with the defaults of the configuration, closed when the test ends. */
export function googleProvider(
  t: Test,
  google: FakeGoogle,
  more: Partial<GoogleSecretManagerConfig> = {},
  { env = environment(google), endpoint = google.origin, ...around }: Around = {},
): Provider {
  const config: GoogleSecretManagerConfig = {
    type: 'google-secret-manager',
    endpoint,
    timeout: 5000,
    maxBody: 1024 * 1024,
    maxSecrets: 10_000,
    maxConcurrentCalls: 8,
    ...more,
  }
  const provider = createGoogleSecretManager(config, context(t, around), { env, iamOrigin: google.origin })
  t.teardown(() => provider.close?.())
  return provider
}

/** Credentials that are written in the configuration itself. */
export function literal(json: object): StringSource {
  return new StringSource(JSON.stringify(json), 'text')
}
