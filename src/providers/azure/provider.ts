import type { AzureKeyVaultConfig } from '../../config/schema.ts'
import type { Provider, ProviderContext } from '../../secrets/provider.ts'

export function createAzureKeyVault(_config: AzureKeyVaultConfig, context: ProviderContext): Provider {
  throw new Error(`${context.name}: not there yet`)
}
