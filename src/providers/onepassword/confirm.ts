import {
  type HeldVersions,
  ProviderError,
  type ProviderErrorReason,
  type Unchanged,
} from '../../secrets/provider.ts'
import type { Wanted } from './fetch.ts'
import { isId, type Named, type Summary } from './item.ts'
import type { Lookup, Memory } from './lookup.ts'

/** From so many items of a vault on, its list is cheaper than the items themselves. */
const leastItems = 4
/** How many items of a list may be of no use for each that is. */
const mostPerItem = 25

/** These say of a list that it cannot be had, and nothing of the items in it. */
const ofList: ReadonlySet<ProviderErrorReason> = new Set(['denied', 'oversized', 'malformed', 'status'])

/**
 * The keys whose value is held and current still: the list of a vault has the versions of its items, and no values. What
 * it does not confirm is fetched.
 *
 * @param wanted the items that are asked for, with their keys
 */
export async function confirmed(
  wanted: Iterable<Wanted>,
  held: HeldVersions,
  lookup: Lookup,
  memory: Memory,
): Promise<Map<string, Unchanged>> {
  const unchanged = new Map<string, Unchanged>()
  const candidates = [...wanted].filter(({ keys }) => keys.every(({ key }) => held.has(key)))
  for (const [name, items] of Map.groupBy(candidates, ({ vault }) => vault)) {
    if (items.length < leastItems) continue
    const list = await listOf(name, items.length, lookup, memory)
    const byId = new Map(list.map((item) => [item.id, item]))
    const byTitle = Map.groupBy(list, ({ title }) => title)
    for (const { item, keys } of items) {
      const version = (isId(item) ? byId.get(item) : undefined)?.version ?? only(byTitle.get(item))?.version
      for (const { key } of keys) {
        if (version !== undefined && held.get(key) === version) unchanged.set(key, { unchanged: true })
      }
    }
  }
  return unchanged
}

/** Empty where it would cost more than it saves, or cannot be had: then each item says for itself what is wrong. */
async function listOf(
  name: string,
  wanted: number,
  lookup: Lookup,
  memory: Memory,
): Promise<readonly Summary[]> {
  try {
    const vault: Named = await lookup.vault(name)
    if ((memory.sizes.get(vault.id) ?? 0) > wanted * mostPerItem) return []
    return (await lookup.items(vault)) ?? []
  } catch (error) {
    // What the server as a whole fails with is not asked for once more with each item.
    if (!(error instanceof ProviderError) || !ofList.has(error.reason)) throw error
    return []
  }
}

function only<T>(all: readonly T[] | undefined): T | undefined {
  return all?.length === 1 ? all[0] : undefined
}
