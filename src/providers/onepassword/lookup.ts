import { type Clock, ProviderError } from '../../secrets/provider.ts'
import type { ConnectApi } from './api.ts'
import { type Item, isId, type Named, type Summary } from './item.ts'
import { Remembered } from './remembered.ts'
import { idsOf } from './select.ts'

/** Milliseconds for which the id of a title is believed. */
const believed = 5 * 60_000
/** Milliseconds for which the size of a vault is believed: it decides what is cheaper, and nothing else. */
const sizeBelieved = 60 * 60_000

/** What lookups have found, for later calls. */
export class Memory {
  readonly vaults: Remembered<Named>
  /** The ids of items, by `place`. */
  readonly items: Remembered<string>
  /** How many items there are, by the id of a vault. */
  readonly sizes: Remembered<number>

  constructor(clock: Clock) {
    this.vaults = new Remembered(clock, believed)
    this.items = new Remembered(clock, believed)
    this.sizes = new Remembered(clock, sizeBelieved)
  }
}

export interface Found {
  readonly vault: Named
  readonly item: Item
}

/** Finds vaults and items, for one call: what several keys need is asked for once. */
export class Lookup {
  readonly #api: ConnectApi
  readonly #memory: Memory
  readonly #signal: AbortSignal
  readonly #vaults = new Map<string, Promise<Named>>()
  readonly #lists = new Map<string, Promise<readonly Summary[] | undefined>>()

  constructor(api: ConnectApi, memory: Memory, signal: AbortSignal) {
    this.#api = api
    this.#memory = memory
    this.#signal = signal
  }

  /** The vault of that id or name. Rejects with a ProviderError where there is none that the token may see. */
  vault(name: string): Promise<Named> {
    const known = this.#memory.vaults.get(name)
    return known === undefined ? this.currentVault(name) : Promise.resolve(known)
  }

  /** The same, asked for anew, once in a call. */
  currentVault(name: string): Promise<Named> {
    const asked = this.#vaults.get(name) ?? this.#findVault(name)
    this.#vaults.set(name, asked)
    return asked
  }

  /** Every vault that the token may see. */
  allVaults(): Promise<Named[]> {
    return this.#api.vaults(undefined, this.#signal)
  }

  /** The items of a vault; undefined where that has gone. */
  items(vault: Named): Promise<readonly Summary[] | undefined> {
    const listed = this.#lists.get(vault.id) ?? this.#list(vault)
    this.#lists.set(vault.id, listed)
    return listed
  }

  /** The same for a vault that was there a moment ago. Rejects with a ProviderError where it has gone. */
  async listed(vault: Named): Promise<readonly Summary[]> {
    return (await this.items(vault)) ?? this.#gone(vault)
  }

  /**
   * The item of that id or title; undefined where there is none: where the list of its vault came, and does not have it.
   * A 404 alone is not enough. What is said of it is never said on the strength of an id that was only remembered.
   * Rejects with a ProviderError.
   */
  async item(vaultName: string, name: string): Promise<Found | undefined> {
    const remembered = this.#memory.vaults.get(vaultName)
    const first = remembered ?? (await this.currentVault(vaultName))
    let denial: ProviderError | undefined
    let isGone = false
    try {
      const item = await this.#within(first, name)
      if (item !== undefined && item !== 'no vault') return { vault: first, item }
      isGone = item === 'no vault'
    } catch (error) {
      if (!(error instanceof ProviderError) || error.kind !== 'denied') throw error
      denial = error
    }
    const vault = remembered === undefined ? first : await this.currentVault(vaultName)
    if (vault.id !== first.id) {
      const item = await this.#within(vault, name)
      if (item === 'no vault') return this.#gone(vault)
      return item === undefined ? undefined : { vault, item }
    }
    if (denial !== undefined) throw denial
    return isGone ? this.#gone(vault) : undefined
  }

  /** Undefined where the list of the vault came, and has no such item. */
  async #within(vault: Named, name: string): Promise<Item | 'no vault' | undefined> {
    const at = place(vault, name)
    if (isId(name)) {
      const item = await this.#api.item(vault, name, this.#signal)
      if (typeof item === 'object') return item
    }
    const known = this.#memory.items.get(at)
    if (known !== undefined) {
      const item = await this.#api.item(vault, known, this.#signal)
      if (typeof item === 'object' && item.title === name) return item
      this.#memory.items.forget(at)
    }
    const items = await this.#api.items(vault, name, this.#signal)
    if (items === undefined) return 'no vault'
    const id = this.unique(items, name, `items of the vault "${vault.title}"`)?.id
    if (id === undefined) return undefined
    const item = await this.#api.item(vault, id, this.#signal)
    if (item === undefined) {
      const words = `the vault "${vault.title}" has an item "${name}" in its list, and says that there is none (status 404). Where it was deleted just now, the next fetch finds out.`
      throw new ProviderError('unavailable', 'status', `${this.#api.place}: ${words}`)
    }
    if (item === 'put away') return undefined
    this.#memory.items.set(at, id)
    return item
  }

  #gone(vault: Named): never {
    const words = `the vault "${vault.title}" is there, and its items are not (status 404). Where it was deleted just now, the next fetch finds out.`
    throw new ProviderError('unavailable', 'status', `${this.#api.place}: ${words}`)
  }

  /** The one with the title. Throws a ProviderError where there are several. */
  unique<T extends Named>(all: readonly T[], title: string, what: string): T | undefined {
    // Servers compare without regard to case, and may have been asked for the whole list.
    const same = all.filter((one) => one.title === title)
    if (same.length <= 1) return same[0]
    const words = `${same.length} ${what} are named "${title}". Name one by its id: ${idsOf(same)}.`
    throw new ProviderError('unavailable', 'malformed', `${this.#api.place}: ${words}`)
  }

  async #findVault(name: string): Promise<Named> {
    const vault =
      isId(name) && (await this.#api.hasVault(name, this.#signal))
        ? { id: name, title: name }
        : this.unique(await this.#api.vaults(name, this.#signal), name, 'vaults')
    if (vault === undefined) {
      // A list has only what the token may see: that there is none is not said, and what is held stays.
      const words = `there is no vault "${name}" that the token may see. Check the name, and give the token the vault: op connect token create NAME --server SERVER --vault VAULT,r`
      throw new ProviderError('denied', 'denied', `${this.#api.place}: ${words}`)
    }
    this.#memory.vaults.set(name, vault)
    return vault
  }

  async #list(vault: Named): Promise<readonly Summary[] | undefined> {
    const items = await this.#api.items(vault, undefined, this.#signal)
    if (items !== undefined) this.#memory.sizes.set(vault.id, items.length)
    return items
  }
}

function place(vault: Named, name: string): string {
  return `${vault.id}/${name}`
}
