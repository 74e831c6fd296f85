import type { VaultProviderConfig } from '../../config/schema.ts'
import type { Provider, ProviderContext } from '../../secrets/provider.ts'

export function createVaultProvider(_config: VaultProviderConfig, context: ProviderContext): Provider {
  throw new Error(`${context.name}: not there yet`)
}
