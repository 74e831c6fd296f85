import type { HttpProviderConfig } from '../../config/schema.ts'
import type { Provider, ProviderContext } from '../../secrets/provider.ts'
import { Address } from './address.ts'
import { HttpClient } from './client.ts'
import { listProvider } from './list.ts'
import { perKeyProvider } from './per-key.ts'

/**
 * Secrets over HTTP(S): from one URL that lists them all, or from one URL a key where `url` contains `{key}`.
 */
export function createHttpProvider(config: HttpProviderConfig, context: ProviderContext): Provider {
  const address = new Address(config.url)
  const client = new HttpClient(config, context, address.origin)
  return address.perKey
    ? perKeyProvider(client, address, context.name)
    : listProvider(client, address, config.maxSecrets)
}
