import type { BackendConfig } from '../config/schema.ts'
import type { Provider, ProviderContext } from '../secrets/provider.ts'

/**
 * Builds the provider that a configuration names. Each is imported when, and only when, it is configured: what is
 * imported at start is what the start costs. Connects to nothing yet.
 */
export async function createProvider(config: BackendConfig, context: ProviderContext): Promise<Provider> {
  switch (config.type) {
    case 'http':
      return (await import('./http/provider.ts')).createHttpProvider(config, context)
    case 'file':
      return (await import('./file/provider.ts')).createFileProvider(config, context)
    case 'env':
      return (await import('./env.ts')).createEnvProvider(config, context)
  }
}
