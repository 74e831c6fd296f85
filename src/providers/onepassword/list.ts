import { ProviderError } from '../../secrets/provider.ts'
import { inParallel } from '../shared/parallel.ts'
import type { FetchOptions } from './fetch.ts'
import { type Field, type Item, isId, type Named, type Summary } from './item.ts'
import { decoded, encodedPart } from './key.ts'
import { Lookup } from './lookup.ts'

/** How many vaults are listed at a time. */
const atOnce = 4

export interface ListOptions extends FetchOptions {
  readonly maxSecrets: number
}

/** A pattern in its parts, as they are written: the vault, the item, and what follows. */
interface Parts {
  /** What comes before the parts in a key. */
  readonly prefix: string
  /** Undefined where keys do not name it. */
  readonly vault: string | undefined
  readonly item: string
  readonly rest: readonly string[]
}

/**
 * The keys that the patterns cover: a `*` in the place of a vault or an item stands for those that there are, and what
 * follows it is taken for granted; behind an item, it stands for its fields. Lists have no values, an item has, so only
 * the latter is asked for whole. Rejects with a ProviderError where a list could not be had.
 */
export async function listKeys(
  { api, memory, vault: configured, maxSecrets }: ListOptions,
  patterns: readonly string[],
  signal: AbortSignal,
): Promise<readonly string[]> {
  const lookup = new Lookup(api, memory, signal)
  const keys = new Set<string>()
  for (const pattern of patterns) {
    const matches = matcher(pattern)
    for await (const key of candidates(partsOf(pattern, configured), lookup, configured)) {
      if (matches(key)) keys.add(key)
      if (keys.size > maxSecrets) {
        const words = `the patterns cover more than ${maxSecrets} keys. Narrow them, or raise maxSecrets.`
        throw new ProviderError('unavailable', 'oversized', `${api.place}: ${words}`)
      }
    }
  }
  return [...keys]
}

async function* candidates(
  { prefix, vault, item, rest }: Parts,
  lookup: Lookup,
  configured: string | undefined,
): AsyncGenerator<string> {
  const before = (name: string): string => `${prefix}${vault === undefined ? '' : `${name}/`}`
  if (rest.some(isStar)) {
    const name = vault === undefined ? configured : decoded(vault)
    yield* fieldKeys(`${before(vault ?? '')}${item}/`, name, decoded(item), lookup)
    return
  }
  const vaults = await vaultsOf(vault, lookup, configured)
  const lists = new Map<string, readonly Summary[]>()
  await inParallel(vaults, atOnce, async ({ of }) => {
    lists.set(of.id, await lookup.listed(of))
  })
  const after = rest.map((part) => `/${part}`).join('')
  for (const { of, written } of vaults) {
    for (const title of titlesOf(lists.get(of.id) ?? [])) yield `${before(written)}${title}${after}`
  }
}

/** The vaults that are to be listed, each with how a key names it. */
async function vaultsOf(
  vault: string | undefined,
  lookup: Lookup,
  configured: string | undefined,
): Promise<{ of: Named; written: string }[]> {
  if (vault !== undefined && isStar(vault)) {
    const all = await lookup.allVaults()
    const names = titlesOf(all)
    return all.map((of, at) => ({ of, written: names[at] ?? of.id }))
  }
  const name = vault === undefined ? configured : decoded(vault)
  return name === undefined || name === ''
    ? []
    : [{ of: await lookup.currentVault(name), written: vault ?? '' }]
}

/** The fields and files of one item; of none where the pattern names none. */
async function* fieldKeys(
  before: string,
  vault: string | undefined,
  item: string | undefined,
  lookup: Lookup,
): AsyncGenerator<string> {
  if (!vault || !item) return
  const found = await lookup.item(vault, item)
  if (found === undefined) return
  for (const [section, parts] of Map.groupBy(fieldsOf(found.item), (field) => field.section)) {
    const within = section === undefined ? '' : `${sectionPart(found.item, section)}/`
    for (const title of titlesOf(parts)) yield `${before}${within}${title}`
  }
}

function fieldsOf({ fields, files }: Item): Pick<Field, 'id' | 'title' | 'section'>[] {
  return [...fields, ...files]
}

function sectionPart({ sections }: Item, id: string): string {
  const at = sections.findIndex((section) => section.id === id)
  return titlesOf(sections)[at] ?? encodedPart(id)
}

/** How keys name them: by title where that is a title of one alone, and cannot be taken for an id. */
function titlesOf(all: readonly Named[]): string[] {
  const count = Map.groupBy(all, ({ title }) => title)
  return all.map(({ id, title }) => {
    const isClear = title !== '' && count.get(title)?.length === 1 && !isId(title)
    return encodedPart(isClear ? title : id)
  })
}

function partsOf(pattern: string, configured: string | undefined): Parts {
  const prefix = pattern.startsWith('op://') ? 'op://' : ''
  const parts = pattern.slice(prefix.length).split('/')
  const vault = prefix !== '' || configured === undefined ? parts.shift() : undefined
  const [item = '*', ...rest] = parts
  return { prefix, vault, item, rest }
}

function isStar(part: string): boolean {
  return part.includes('*')
}

/** A `*` stands for at least one character, as in the rules of the configuration. */
function matcher(pattern: string): (key: string) => boolean {
  const [before = '', after] = pattern.split('*')
  if (after === undefined) return (key) => key === pattern
  return (key) => key.startsWith(before) && key.endsWith(after) && key.length > before.length + after.length
}
