import { type Fetched, ProviderError } from '../../secrets/provider.ts'
import { fetchEach } from '../shared/each.ts'
import { AwsFailure } from './failure.ts'
import type { Obstacle } from './meanings.ts'

export type Results = Map<string, Fetched | ProviderError>

export interface Batching {
  /** Several keys in one call. One that it says nothing of is asked for alone. */
  readonly fetchBatch: (keys: readonly string[]) => Promise<Results>
  readonly fetchOne: (key: string) => Promise<Fetched>
}

const ofOneKey: ReadonlySet<Obstacle> = new Set(['permission', 'encryption', 'request', 'missing'])

/**
 * What a batch brings, and what asking for each key alone brings where the batch says nothing of it, or failed for a
 * reason that may be one of them. Rejects where AWS as a whole failed.
 */
export async function fetchTogether(
  keys: readonly string[],
  { fetchBatch, fetchOne }: Batching,
): Promise<Results> {
  const [only] = keys
  if (only === undefined) return new Map()
  if (keys.length === 1) return await fetchEach([only], fetchOne)
  const results = await batchOrNothing(keys, fetchBatch)
  const left = keys.filter((key) => !results.has(key))
  for (const [key, result] of await fetchEach(left, fetchOne)) results.set(key, result)
  return results
}

async function batchOrNothing(keys: readonly string[], fetchBatch: Batching['fetchBatch']): Promise<Results> {
  try {
    return await fetchBatch(keys)
  } catch (error) {
    if (error instanceof AwsFailure && mayFailBatch(error)) return new Map()
    // Too large together, they may be small enough each.
    if (error instanceof ProviderError && error.reason === 'oversized') return new Map()
    throw error
  }
}

/** Whether one key may have brought that about, and the others would fare better without it. */
export function mayFailBatch({ obstacle }: AwsFailure): boolean {
  return ofOneKey.has(obstacle)
}

/**
 * Asks for groups of keys, one after the other. The first that fails as a whole fails for those after it too: AWS is not
 * asked on. Rejects where the call was given up.
 */
export async function fetchGroups(
  groups: readonly (readonly string[])[],
  fetchGroup: (keys: readonly string[]) => Promise<Results>,
): Promise<Results> {
  const results: Results = new Map()
  let failure: ProviderError | undefined
  for (const keys of groups) {
    try {
      if (failure === undefined) for (const [key, result] of await fetchGroup(keys)) results.set(key, result)
    } catch (error) {
      if (!(error instanceof ProviderError) || error.reason === 'aborted') throw error
      failure = error
    }
    if (failure !== undefined) for (const key of keys) results.set(key, failure)
  }
  return results
}

/** In order, so many at a time. */
export function inChunks(keys: readonly string[], size: number): string[][] {
  return Array.from({ length: Math.ceil(keys.length / size) }, (_, at) =>
    keys.slice(at * size, (at + 1) * size),
  )
}
