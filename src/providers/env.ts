import type { EnvProviderConfig } from '../config/schema.ts'
import type { Fetched, Provider, ProviderContext } from '../secrets/provider.ts'
import { SecretValue } from '../secrets/secret.ts'
import { throwIfAborted } from './shared/aborted.ts'
import { narrow } from './shared/narrow.ts'

/**
 * Secrets from the sidecar's own environment variables: those that begin with the prefix, under the rest of their name.
 * An environment belongs to one process and does not change from outside, so there is nothing to watch and no way to
 * fail but to miss a variable.
 */
export function createEnvProvider(
  config: EnvProviderConfig,
  context: ProviderContext,
  env: NodeJS.ProcessEnv = process.env,
): Provider {
  const { prefix } = config
  const place = `provider "${context.name}": environment variables ${prefix}*`

  function fetchAll(): Map<string, Fetched> {
    const all = new Map<string, Fetched>()
    for (const [name, value] of Object.entries(env)) {
      if (value === undefined || !name.startsWith(prefix) || name === prefix) continue
      all.set(name.slice(prefix.length), { value: SecretValue.fromText(value) })
    }
    return all
  }

  return {
    async fetch(keys, signal) {
      throwIfAborted(signal, place)
      return narrow(fetchAll(), keys, place)
    },
    async fetchAll(signal) {
      throwIfAborted(signal, place)
      return fetchAll()
    },
  }
}
