import type { Test } from 'tap'
import type { KubernetesProviderConfig } from '../../../src/config/schema.ts'
import { StringSource } from '../../../src/config/source.ts'
import type { Surroundings } from '../../../src/providers/kubernetes/access/access.ts'
import { createKubernetesProvider } from '../../../src/providers/kubernetes/provider.ts'
import type { Provider, ProviderContext } from '../../../src/secrets/provider.ts'
import { context } from '../conformance.ts'

const defaults = {
  type: 'kubernetes',
  watch: true,
  maxWatches: 50,
  timeout: 5000,
  maxBody: 16 * 1024 * 1024,
  maxSecrets: 10_000,
  maxConcurrentCalls: 8,
} as const

export const nowhere: Surroundings = { env: {}, serviceAccount: '/nonexistent' }

export interface More extends Partial<KubernetesProviderConfig> {
  readonly surroundings?: Surroundings
  readonly random?: () => number
}

/** A provider with the defaults of the configuration, for the namespace `app`, closed when the test ends. */
export function kubernetesProvider(
  t: Test,
  { surroundings = nowhere, random = () => 0.5, ...more }: More,
  around: Partial<ProviderContext> = {},
): Provider {
  const isBare = more.kubeconfig !== undefined || more.url === undefined
  const given = isBare ? {} : { token: new StringSource('CANARY-token'), namespace: 'app' }
  const config: KubernetesProviderConfig = { ...defaults, ...given, ...more }
  const provider = createKubernetesProvider(config, context(t, around), surroundings, random)
  t.teardown(() => provider.close?.())
  return provider
}
