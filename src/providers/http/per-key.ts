import {
  type Fetched,
  type Provider,
  ProviderError,
  type ProviderErrorReason,
} from '../../secrets/provider.ts'
import { notFound } from '../shared/narrow.ts'
import { inParallel } from '../shared/parallel.ts'
import type { Address } from './address.ts'
import { isLeased, parseSingle } from './answer.ts'
import type { HttpClient } from './client.ts'

/** How many keys of one call are asked for at a time; more would only help to overload the backend. */
const atOnce = 8

/** These say of the backend, not of one key, that asking on is of no use now. */
const ofBackend: ReadonlySet<ProviderErrorReason> = new Set([
  'refused',
  'dns',
  'tls',
  'throttled',
  'credential',
])

/**
 * A backend with one URL a key. So many keys of a call are asked for at a time, each with the whole `timeout` for
 * itself. Where the backend as a whole fails, the remaining keys get its failure without being asked for: a
 * thousand keys must not mean a thousand time-outs, nor a thousand calls to a backend that asked for fewer.
 */
export function perKeyProvider(client: HttpClient, address: Address, name: string): Provider {
  async function fetchOne(key: string, signal: AbortSignal): Promise<Fetched> {
    const url = address.of(key)
    if (url === undefined) throw notFound(`provider "${name}"`, key)
    return await client.get({ url, key, parse: parseSingle, isUnique: isLeased }, signal)
  }

  return {
    async fetch(keys, signal) {
      const results = new Map<string, Fetched | ProviderError>()
      const health = new Health()
      await inParallel(new Set(keys), atOnce, async (key) => {
        const result = health.failure ?? (await settled(fetchOne(key, signal)))
        results.set(key, result)
        health.saw(result)
      })
      const aborted = [...results.values()].find((r) => r instanceof ProviderError && r.reason === 'aborted')
      if (aborted !== undefined) throw aborted
      return results
    },
    close: () => client.close(),
  }
}

/** Whether the backend as a whole still answers. */
class Health {
  /** What the backend as a whole fails with. */
  failure: ProviderError | undefined
  #inARow = 0

  saw(result: Fetched | ProviderError): void {
    if (!(result instanceof ProviderError) || result.kind === 'missing' || result.kind === 'denied') {
      this.#inARow = 0
      return
    }
    // One key may hang or break alone; as many in a row as are asked for at a time are no accident.
    this.#inARow++
    if (ofBackend.has(result.reason) || result.reason === 'aborted' || this.#inARow >= atOnce) {
      this.failure ??= result
    }
  }
}

async function settled(fetching: Promise<Fetched>): Promise<Fetched | ProviderError> {
  try {
    return await fetching
  } catch (error) {
    if (error instanceof ProviderError) return error
    throw error
  }
}
