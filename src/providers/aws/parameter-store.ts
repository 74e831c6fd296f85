import type { AwsParameterStoreConfig } from '../../config/schema.ts'
import type { Provider, ProviderContext } from '../../secrets/provider.ts'

export function createAwsParameterStore(
  _config: AwsParameterStoreConfig,
  context: ProviderContext,
): Provider {
  throw new Error(`${context.name}: not there yet`)
}
