import type { Fetched, Provider, ProviderError } from '../../secrets/provider.ts'
import { narrow } from '../shared/narrow.ts'
import { parseList } from '../shared/secret-json.ts'
import type { Address } from './address.ts'
import { isLeased } from './answer.ts'
import type { HttpClient } from './client.ts'

/** A backend with one URL for all its secrets: one call serves everything. */
export function listProvider(client: HttpClient, address: Address, maxSecrets: number): Provider {
  const url = address.list()
  const place = client.place(url)

  const fetchAll = (signal: AbortSignal): Promise<Map<string, Fetched | ProviderError>> =>
    client.get(
      {
        url,
        key: undefined,
        parse: ({ body }) => parseList(body, maxSecrets, place),
        isUnique: (secrets) => secrets.values().some(isLeased),
      },
      signal,
    )

  return {
    fetch: async (keys, signal) => narrow(await fetchAll(signal), keys, place),
    fetchAll,
    close: () => client.close(),
  }
}
