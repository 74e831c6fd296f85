import { ProviderError, type ProviderErrorReason } from '../../secrets/provider.ts'
import { SecretValue } from '../../secrets/secret.ts'
import { inParallel } from './parallel.ts'

/** How many keys of one call are asked for at a time; more would only help to overload the backend. */
export const atOnce = 8

/** These say of the backend, not of one key, that asking on is of no use now. */
const ofBackend: ReadonlySet<ProviderErrorReason> = new Set([
  'refused',
  'dns',
  'tls',
  'throttled',
  'credential',
])

/**
 * Asks a backend that has one request a key. So many keys of a call are asked for at a time, each with the whole
 * `timeout` for itself. Where the backend as a whole fails, the remaining keys get its failure without being asked for:
 * a thousand keys must not mean a thousand time-outs, nor a thousand calls to a backend that asked for fewer. Rejects
 * where one was given up (*aborted*), and wipes the values that have come: nobody gets them.
 *
 * @param discard wipes a result that is not the entry itself, but holds entries
 */
export async function fetchEach<T extends object>(
  keys: Iterable<string>,
  fetchOne: (key: string) => Promise<T>,
  discard: (result: T) => void = wipe,
): Promise<Map<string, T | ProviderError>> {
  const results = new Map<string, T | ProviderError>()
  const health = new Health()
  await inParallel(new Set(keys), atOnce, async (key) => {
    const result = health.failure ?? (await settled(fetchOne(key)))
    results.set(key, result)
    health.saw(result)
  })
  const aborted = results
    .values()
    .find((result) => result instanceof ProviderError && result.reason === 'aborted')
  if (aborted !== undefined) {
    for (const result of results.values()) if (!(result instanceof ProviderError)) discard(result)
    throw aborted
  }
  return results
}

/** Whether the backend as a whole still answers. */
class Health {
  /** What the backend as a whole fails with. */
  failure: ProviderError | undefined
  #inARow = 0

  saw(result: object): void {
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

/** Overwrites the value of an entry that nobody gets. */
export function wipe(entry: object): void {
  if ('value' in entry && entry.value instanceof SecretValue) entry.value.wipe()
}

async function settled<T>(fetching: Promise<T>): Promise<T | ProviderError> {
  try {
    return await fetching
  } catch (error) {
    if (error instanceof ProviderError) return error
    throw error
  }
}
