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
    case 'vault':
      return (await import('./vault/provider.ts')).createVaultProvider(config, context)
    case 'aws-secrets-manager':
      return (await import('./aws/secrets-manager.ts')).createAwsSecretsManager(config, context)
    case 'aws-parameter-store':
      return (await import('./aws/parameter-store.ts')).createAwsParameterStore(config, context)
    case 'kubernetes':
      return (await import('./kubernetes/provider.ts')).createKubernetesProvider(config, context)
    case 'google-secret-manager':
      return (await import('./google/provider.ts')).createGoogleSecretManager(config, context)
    case 'azure-key-vault':
      return (await import('./azure/provider.ts')).createAzureKeyVault(config, context)
    case 'onepassword-connect':
      return (await import('./onepassword/provider.ts')).createOnepasswordConnect(config, context)
    case 'exec':
      return (await import('./exec/provider.ts')).createExecProvider(config, context)
  }
}
