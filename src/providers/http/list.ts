import type { Fetched, Provider, ProviderError } from '../../secrets/provider.ts'
import { narrow } from '../shared/narrow.ts'
import type { Address } from './address.ts'
import { asProviderError, parseList } from './answer.ts'
import type { HttpClient } from './client.ts'

/** A backend with one URL for all its secrets: one call serves everything. */
export function listProvider(client: HttpClient, address: Address, maxSecrets: number): Provider {
  const url = address.list()
  const place = client.place(url)

  async function fetchAll(signal: AbortSignal): Promise<Map<string, Fetched | ProviderError>> {
    const { body } = await client.get(url, undefined, signal)
    try {
      return parseList(body, maxSecrets, place)
    } catch (error) {
      throw asProviderError(error, place)
    }
  }

  return {
    fetch: async (keys, signal) => narrow(await fetchAll(signal), keys, place),
    fetchAll,
    close: () => client.close(),
  }
}
