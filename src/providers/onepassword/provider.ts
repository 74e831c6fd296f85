import type { OnepasswordConnectConfig } from '../../config/schema.ts'
import type { Provider, ProviderContext } from '../../secrets/provider.ts'
import { throwIfAborted } from '../shared/aborted.ts'
import { ConnectApi } from './api.ts'
import { fetchKeys } from './fetch.ts'
import { listKeys } from './list.ts'
import { Memory } from './lookup.ts'

/** So many keys of one call share what they have in common; more would make a call that never ends. */
const batchSize = 100

/** Secrets from the fields and files of items that a 1Password Connect server has. */
export function createOnepasswordConnect(
  config: OnepasswordConnectConfig,
  context: ProviderContext,
): Provider {
  const api = new ConnectApi(config, context)
  const memory = new Memory(context.clock)
  const { vault, maxSecrets } = config

  return {
    batchSize,
    async fetch(keys, signal, held = new Map()) {
      throwIfAborted(signal, api.place)
      return await fetchKeys({ api, memory, vault }, keys, signal, held)
    },
    async listKeys(patterns, signal) {
      throwIfAborted(signal, api.place)
      return await listKeys({ api, memory, vault, maxSecrets }, patterns, signal)
    },
    close: () => api.close(),
  }
}
