import {
  type Fetched,
  type HeldVersions,
  ProviderError,
  type ProviderErrorReason,
  type Unchanged,
} from '../../secrets/provider.ts'
import { SecretValue } from '../../secrets/secret.ts'
import { fetchEach } from '../shared/each.ts'
import { Malformed } from '../shared/malformed.ts'
import { notFound } from '../shared/narrow.ts'
import type { ConnectApi } from './api.ts'
import { confirmed } from './confirm.ts'
import type { File } from './item.ts'
import { parseKey, type Reference } from './key.ts'
import { type Found, Lookup, type Memory } from './lookup.ts'
import { type Selection, select } from './select.ts'

interface WantedKey {
  readonly key: string
  readonly reference: Reference
}

/** An item, and the keys that it is asked for. */
export interface Wanted {
  readonly vault: string
  readonly item: string
  readonly keys: WantedKey[]
}

type Brought = Fetched | Unchanged | ProviderError

/** An item as a result of `fetchEach`; that it is not there, or not one, says nothing of the server. */
type Loaded = { readonly found: Found | undefined } | { readonly problem: ProviderError }

interface WantedFile {
  readonly found: Found
  readonly file: File
}

export interface FetchOptions {
  readonly api: ConnectApi
  readonly memory: Memory
  /** The vault of keys that name none. */
  readonly vault: string | undefined
}

/** Fetches keys: what several of them have in common is asked for once. */
export async function fetchKeys(
  { api, memory, vault }: FetchOptions,
  keys: readonly string[],
  signal: AbortSignal,
  held: HeldVersions,
): Promise<Map<string, Brought>> {
  const { place } = api
  const results = new Map<string, Brought>()
  const lookup = new Lookup(api, memory, signal)
  const wanted = wantedItems(keys, vault, place, results)

  for (const [key, result] of await confirmed(wanted.values(), held, lookup, memory)) results.set(key, result)
  for (const [id, { keys }] of wanted) if (keys.every(({ key }) => results.has(key))) wanted.delete(id)

  const loaded = await fetchEach(wanted.keys(), (id) => load(lookup, wanted.get(id)))
  const files = new Map<string, WantedFile>()
  for (const [id, { keys }] of wanted) {
    for (const { key, reference } of keys) {
      const result = pick(loaded.get(id), key, reference, place)
      if ('file' in result) files.set(key, result)
      else results.set(key, result)
    }
  }
  for (const [key, result] of await fetchEach(files.keys(), (key) => download(api, key, files, signal))) {
    results.set(key, result)
  }
  return results
}

/** The items that the keys are about, in their order; keys that name none get their results. */
function wantedItems(
  keys: readonly string[],
  vault: string | undefined,
  place: string,
  results: Map<string, Brought>,
): Map<string, Wanted> {
  const wanted = new Map<string, Wanted>()
  for (const key of new Set(keys)) {
    const parsed = parseKey(key, vault)
    if ('unreadable' in parsed) {
      const words = `there is no secret with the key "${key}". ${parsed.unreadable}.`
      results.set(key, new ProviderError('missing', 'not-found', `${place}: ${words}`))
    } else if ('refused' in parsed) {
      results.set(key, unavailable('malformed', `${place}: the key "${key}": ${parsed.refused}.`))
    } else {
      // No part of a name can hold the separator but one that is encoded.
      const id = JSON.stringify([parsed.vault, parsed.item])
      const item = wanted.get(id) ?? { vault: parsed.vault, item: parsed.item, keys: [] }
      item.keys.push({ key, reference: parsed })
      wanted.set(id, item)
    }
  }
  return wanted
}

async function load(lookup: Lookup, wanted: Wanted | undefined): Promise<Loaded> {
  if (wanted === undefined) return { found: undefined }
  try {
    return { found: await lookup.item(wanted.vault, wanted.item) }
  } catch (error) {
    if (error instanceof ProviderError && error.reason === 'malformed') return { problem: error }
    throw error
  }
}

/** What of the item the key stands for. */
function pick(
  loaded: Loaded | ProviderError | undefined,
  key: string,
  reference: Reference,
  place: string,
): Fetched | ProviderError | WantedFile {
  if (loaded === undefined) return notFound(place, key)
  if (loaded instanceof ProviderError) return loaded
  if ('problem' in loaded) return loaded.problem
  if (loaded.found === undefined) return notFound(place, key)
  const { found } = loaded
  let selection: Selection
  try {
    selection = select(found.item, reference)
  } catch (error) {
    if (!(error instanceof Malformed)) throw error
    return unavailable(error.reason, `${place}: the key "${key}": ${error.message}.`)
  }
  if (selection === 'missing') return notFound(place, key)
  return 'file' in selection
    ? { found, file: selection.file }
    : { value: selection.value, ...versionOf(found) }
}

async function download(
  api: ConnectApi,
  key: string,
  files: ReadonlyMap<string, WantedFile>,
  signal: AbortSignal,
): Promise<Fetched> {
  const wanted = files.get(key)
  const bytes = wanted && (await api.file(wanted.found.vault, wanted.found.item.id, wanted.file.id, signal))
  if (wanted === undefined || bytes === undefined) throw notFound(api.place, key)
  return { value: new SecretValue(bytes), ...versionOf(wanted.found) }
}

function versionOf({ item: { version } }: Found): { version?: string } {
  return version === undefined ? {} : { version }
}

function unavailable(reason: ProviderErrorReason, message: string): ProviderError {
  return new ProviderError('unavailable', reason, message)
}
