import type { Fetched, Provider } from '../../secrets/provider.ts'
import { fetchEach } from '../shared/each.ts'
import { notFound } from '../shared/narrow.ts'
import type { Address } from './address.ts'
import { isLeased, parseSingle } from './answer.ts'
import type { HttpClient } from './client.ts'

/** A backend with one URL a key. */
export function perKeyProvider(client: HttpClient, address: Address, name: string): Provider {
  async function fetchOne(key: string, signal: AbortSignal): Promise<Fetched> {
    const url = address.of(key)
    if (url === undefined) throw notFound(`provider "${name}"`, key)
    return await client.get({ url, key, parse: parseSingle, isUnique: isLeased }, signal)
  }

  return {
    fetch: (keys, signal) => fetchEach(keys, (key) => fetchOne(key, signal)),
    close: () => client.close(),
  }
}
