import { isJsonObject, jsonNumber } from '../shared/json.ts'
import { Malformed } from '../shared/malformed.ts'

/** What 1Password tells things by. Of everything else it is a title. */
const idPattern = /^[a-z0-9]{26}$/

export interface Named {
  readonly id: string
  /** As people see it: a title, a name or a label. Not necessarily of one thing alone. */
  readonly title: string
}

/** What a list tells of an item. */
export interface Summary extends Named {
  readonly version: string | undefined
}

export interface Field extends Named {
  /** The id of its section. */
  readonly section: string | undefined
  readonly purpose: string
  /** Empty where the item has none. */
  readonly value: unknown
}

export interface File extends Named {
  readonly section: string | undefined
}

export interface Item extends Summary {
  readonly sections: readonly Named[]
  readonly fields: readonly Field[]
  readonly files: readonly File[]
}

export function isId(part: string): boolean {
  return idPattern.test(part)
}

/** The vaults of a list. Throws `Malformed`. */
export function vaultsOf(json: unknown, most: number): Named[] {
  return listOf(json, most).map((vault) => ({ id: idOf(vault), title: textOf(vault.name) }))
}

/** The items of a list, less those that are in the archive or the bin. Throws `Malformed`. */
export function summariesOf(json: unknown, most: number): Summary[] {
  return listOf(json, most)
    .filter((item) => !isPutAway(item))
    .map(summaryOf)
}

/** An item with its fields; undefined for one that is in the archive or the bin. Throws `Malformed`. */
export function itemOf(json: unknown): Item | undefined {
  if (!isJsonObject(json)) throw new Malformed('it is no item')
  if (isPutAway(json)) return undefined
  return {
    ...summaryOf(json),
    sections: objectsIn(json.sections).map((section) => named(section, section.label)),
    fields: objectsIn(json.fields).map((field) => ({
      ...named(field, field.label),
      section: sectionOf(field),
      purpose: textOf(field.purpose),
      value: field.value ?? '',
    })),
    files: objectsIn(json.files).map((file) => ({
      id: idOf(file),
      title: textOf(file.name),
      section: sectionOf(file),
    })),
  }
}

function summaryOf(item: Record<string, unknown>): Summary {
  const id = idOf(item)
  const number = jsonNumber(item.version)
  // Another item of the same title may have come to the same number.
  const version = Number.isSafeInteger(number) ? `${number}-${id.slice(0, 8)}` : undefined
  return { id, title: textOf(item.title), version }
}

function isPutAway({ state, trashed }: Record<string, unknown>): boolean {
  return state === 'ARCHIVED' || state === 'DELETED' || trashed === true
}

function sectionOf({ section }: Record<string, unknown>): string | undefined {
  return isJsonObject(section) && typeof section.id === 'string' ? section.id : undefined
}

/** It becomes part of a path. */
function idOf({ id }: Record<string, unknown>): string {
  if (typeof id === 'string' && /^[A-Za-z0-9_-]{1,64}$/.test(id)) return id
  throw new Malformed('something in it has no id')
}

/** Ids of fields and sections are any text. */
function named({ id }: Record<string, unknown>, label: unknown): Named {
  return { id: textOf(id), title: textOf(label) }
}

function textOf(value: unknown): string {
  return typeof value === 'string' ? value : ''
}

function listOf(json: unknown, most: number): Record<string, unknown>[] {
  if (!Array.isArray(json)) throw new Malformed('it is no list')
  if (json.length > most) {
    throw new Malformed(`it holds more than ${most}. Ask for less, or raise maxSecrets`, 'oversized')
  }
  return objectsIn(json)
}

function objectsIn(value: unknown): Record<string, unknown>[] {
  if (value === undefined || value === null) return []
  if (Array.isArray(value) && value.every(isJsonObject)) return value
  throw new Malformed('a list in it holds something else than objects')
}
