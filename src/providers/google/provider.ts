import type { GoogleSecretManagerConfig } from '../../config/schema.ts'
import type { Provider, ProviderContext } from '../../secrets/provider.ts'

export function createGoogleSecretManager(
  _config: GoogleSecretManagerConfig,
  context: ProviderContext,
): Provider {
  throw new Error(`${context.name}: not there yet`)
}
