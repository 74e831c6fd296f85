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
import type { File, Named } from './item.ts'
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

/** What `fetchEach` wants to be told of an item that was asked for. */
interface Loaded {
  readonly loaded: true
}

interface WantedFile {
  readonly vault: Named
  /** Its id. */
  readonly item: string
  readonly version: string | undefined
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

  const files = new Map<string, WantedFile>()
  try {
    const loaded = await fetchEach(wanted.keys(), (id) => load(lookup, wanted.get(id), results, files, place))
    for (const [id, failure] of loaded) {
      if (!(failure instanceof ProviderError)) continue
      for (const { key } of wanted.get(id)?.keys ?? []) results.set(key, failure)
    }
    const downloaded = await fetchEach(files.keys(), (key) => download(api, key, files, signal))
    for (const [key, result] of downloaded) results.set(key, result)
  } catch (error) {
    for (const result of results.values()) if ('value' in result) result.value.wipe()
    throw error
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
      const id = JSON.stringify([parsed.vault, parsed.item])
      const item = wanted.get(id) ?? { vault: parsed.vault, item: parsed.item, keys: [] }
      item.keys.push({ key, reference: parsed })
      wanted.set(id, item)
    }
  }
  return wanted
}

/**
 * Loads an item and takes of it what its keys stand for: it is not kept until the others are there. That there is none,
 * or more than one, says nothing of the server, and so is no failure here.
 */
async function load(
  lookup: Lookup,
  wanted: Wanted | undefined,
  results: Map<string, Brought>,
  files: Map<string, WantedFile>,
  place: string,
): Promise<Loaded> {
  const found = wanted && (await find(lookup, wanted))
  for (const { key, reference } of wanted?.keys ?? []) {
    const result = found instanceof ProviderError ? found : pick(found, key, reference, place)
    if ('file' in result) files.set(key, result)
    else results.set(key, result)
  }
  return { loaded: true }
}

async function find(lookup: Lookup, { vault, item }: Wanted): Promise<Found | ProviderError | undefined> {
  try {
    return await lookup.item(vault, item)
  } catch (error) {
    if (error instanceof ProviderError && error.reason === 'malformed') return error
    throw error
  }
}

/** What of the item the key stands for. */
function pick(
  found: Found | undefined,
  key: string,
  reference: Reference,
  place: string,
): Fetched | ProviderError | WantedFile {
  if (found === undefined) return notFound(place, key)
  let selection: Selection
  try {
    selection = select(found.item, reference)
  } catch (error) {
    if (!(error instanceof Malformed)) throw error
    return unavailable(error.reason, `${place}: the key "${key}": ${error.message}.`)
  }
  if (selection === 'missing') return notFound(place, key)
  return 'file' in selection
    ? { vault: found.vault, item: found.item.id, version: found.item.version, file: selection.file }
    : { value: selection.value, ...versionOf(found.item) }
}

async function download(
  api: ConnectApi,
  key: string,
  files: ReadonlyMap<string, WantedFile>,
  signal: AbortSignal,
): Promise<Fetched> {
  const wanted = files.get(key)
  const bytes = wanted && (await api.file(wanted.vault, wanted.item, wanted.file.id, signal))
  if (wanted === undefined) throw notFound(api.place, key)
  if (bytes === undefined) {
    // The item has just named it: nobody has said that it is not there.
    const words = 'its item names the file, which is not there (status 404). Check the server, and its log'
    throw unavailable('status', `${api.place}: the key "${key}": ${words}.`)
  }
  return { value: new SecretValue(bytes), ...versionOf(wanted) }
}

function versionOf({ version }: { readonly version: string | undefined }): { version?: string } {
  return version === undefined ? {} : { version }
}

function unavailable(reason: ProviderErrorReason, message: string): ProviderError {
  return new ProviderError('unavailable', reason, message)
}
