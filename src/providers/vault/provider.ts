import type { VaultProviderConfig } from '../../config/schema.ts'
import type { Provider, ProviderContext } from '../../secrets/provider.ts'
import { fetchEach } from '../shared/each.ts'
import { Authorized } from './authorized.ts'
import { VaultClient } from './client.ts'
import { HandedOut } from './handed-out.ts'
import { Kv2 } from './kv2.ts'
import { List } from './list.ts'
import { Mounts } from './mounts.ts'
import { Plain } from './plain.ts'
import { Reader } from './reader.ts'
import { renewLease } from './renew-lease.ts'
import { revokeAll } from './revoke.ts'
import { sessionOf } from './sessions.ts'

/**
 * Secrets of HashiCorp Vault and of OpenBao: https://developer.hashicorp.com/vault/api-docs
 *
 * @param random for the jitter of renewals and retries
 */
export function createVaultProvider(
  config: VaultProviderConfig,
  context: ProviderContext,
  random: () => number = Math.random,
): Provider {
  const { name, clock, warn } = context
  const client = new VaultClient(config, context)
  const handedOut = new HandedOut(clock)
  const session = sessionOf(config, context, { client, handedOut, random })
  const authorized = new Authorized(client, session)
  const mounts = new Mounts(authorized, clock, config.kvVersion)
  const list = new List({ authorized, mounts, maxSecrets: config.maxSecrets, warn })
  const reader = new Reader({
    name,
    mounts,
    kv2: new Kv2(authorized, clock),
    plain: new Plain(authorized, clock, handedOut),
    requests: config.requests,
  })

  return {
    fetch: (keys, signal, held) => fetchEach(keys, (key) => reader.fetch(key, held?.get(key), signal)),
    listKeys: (patterns, signal) => list.keys(patterns, signal),
    renew: (_key, lease, signal) => renewLease({ authorized, handedOut, session }, lease, signal),
    // A lease ends with the token that it was got with: what hangs on one that is over is to be fetched anew.
    async watch(changed, signal) {
      session.onReplaced = (former) => {
        for (const key of handedOut.keysOn(former)) changed(key)
      }
      const { promise, resolve } = Promise.withResolvers<void>()
      if (signal.aborted) resolve()
      else signal.addEventListener('abort', () => resolve(), { once: true })
      await promise
      session.onReplaced = () => {}
    },
    async close() {
      session.close()
      await client.close()
      if (config.revokeOnStop) await revokeAll(config, context, { session, handedOut })
    },
  }
}
