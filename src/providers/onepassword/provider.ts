import type { OnepasswordConnectConfig } from '../../config/schema.ts'
import type { Provider, ProviderContext } from '../../secrets/provider.ts'

export function createOnepasswordConnect(
  _config: OnepasswordConnectConfig,
  context: ProviderContext,
): Provider {
  throw new Error(`${context.name}: not there yet`)
}
