import type { AwsSecretsManagerConfig } from '../../config/schema.ts'
import type { Provider, ProviderContext } from '../../secrets/provider.ts'

export function createAwsSecretsManager(
  _config: AwsSecretsManagerConfig,
  context: ProviderContext,
): Provider {
  throw new Error(`${context.name}: not there yet`)
}
