import type { ExecProviderConfig } from '../../config/schema.ts'
import type { Provider, ProviderContext } from '../../secrets/provider.ts'

export function createExecProvider(_config: ExecProviderConfig, context: ProviderContext): Provider {
  throw new Error(`${context.name}: not there yet`)
}
