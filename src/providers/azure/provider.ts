import type { AzureKeyVaultConfig } from '../../config/schema.ts'
import { type Fetched, type Provider, type ProviderContext, ProviderError } from '../../secrets/provider.ts'
import { fetchEach } from '../shared/each.ts'
import { Malformed } from '../shared/malformed.ts'
import { parseKey, secretPath } from './key.ts'
import { listNames } from './list.ts'
import { readSecret } from './secret.ts'
import { Vault } from './vault.ts'

/**
 * Azure Key Vault's secrets, and its certificates, which lie there as secrets too. A key is `NAME`, the latest version,
 * or `NAME/VERSION`.
 */
export function createAzureKeyVault(config: AzureKeyVaultConfig, context: ProviderContext): Provider {
  const vault = new Vault(config, context)
  const wall = (): number => context.clock.wall()

  async function fetchOne(key: string, signal: AbortSignal): Promise<Fetched> {
    const parsed = parseKey(key)
    if (parsed === undefined) {
      const words = `no secret of a vault is called "${key}". A key is NAME or NAME/VERSION: letters, digits and hyphens, and a version of 32 hexadecimal digits.`
      throw new ProviderError('missing', 'not-found', `provider "${context.name}": ${words}`)
    }
    const path = secretPath(parsed)
    const place = vault.place(path)
    const { body } = await vault.get(path, key, signal)
    try {
      return await readSecret(body, parsed, { place, wall: wall(), unpacks: config.certificates === 'pem' })
    } catch (error) {
      if (!(error instanceof Malformed)) throw error
      const words = `the answer cannot be read: ${error.message}.`
      throw new ProviderError('unavailable', error.reason, `${place}: ${words}`)
    } finally {
      body.fill(0)
    }
  }

  return {
    fetch: (keys, signal) => fetchEach(keys, (key) => fetchOne(key, signal)),
    listKeys: (patterns, signal) =>
      listNames(vault, { patterns, maxSecrets: config.maxSecrets, wall }, signal),
    close: () => vault.close(),
  }
}
