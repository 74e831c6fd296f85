import type { KubernetesProviderConfig } from '../../config/schema.ts'
import type { Provider, ProviderContext } from '../../secrets/provider.ts'

export function createKubernetesProvider(
  _config: KubernetesProviderConfig,
  context: ProviderContext,
): Provider {
  throw new Error(`${context.name}: not there yet`)
}
