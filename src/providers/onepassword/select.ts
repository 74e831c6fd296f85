import type { SecretValue } from '../../secrets/secret.ts'
import { jsonSecret } from '../shared/json.ts'
import { Malformed } from '../shared/malformed.ts'
import type { Field, File, Item, Named } from './item.ts'
import type { Reference } from './key.ts'

/** What of an item a key names. */
export type Selection =
  | { readonly value: SecretValue }
  | { readonly file: File }
  /** The item has no such thing. */
  | 'missing'

/** As 1Password's own references call them, whatever the fields are labelled. */
const purposes = new Map([
  ['username', 'USERNAME'],
  ['password', 'PASSWORD'],
  ['notesPlain', 'NOTES'],
])

/**
 * What a key names in the item: ids win, then labels, then what a field is for, then files. Throws `Malformed` where
 * several things are meant, naming them.
 */
export function select(item: Item, { section, field }: Pick<Reference, 'section' | 'field'>): Selection {
  if (field === undefined) return { value: wholeOf(item) }
  const within = section === undefined ? undefined : sectionOf(item, section)
  if (section !== undefined && within === undefined) return 'missing'
  const isWithin = (part: Field | File): boolean => within === undefined || part.section === within
  const found = fieldOf(item.fields.filter(isWithin), field)
  if (found !== undefined) return { value: jsonSecret(found.value) }
  const file = one(item.files.filter(isWithin), field, 'files')
  return file === undefined ? 'missing' : { file }
}

/** JSON with the fields by label; one without a label goes by its id. */
function wholeOf({ fields }: Item): SecretValue {
  const members = new Map<string, unknown>()
  for (const { id, title, value } of fields) {
    const label = title === '' ? id : title
    if (members.has(label)) {
      const words = `several fields have the label "${shown(label)}". Rename one, or ask for single fields`
      throw new Malformed(words)
    }
    members.set(label, value)
  }
  // A label may be __proto__: entries become members of their own whatever their names are.
  return jsonSecret(Object.fromEntries(members))
}

/** The id of a section; also where only the fields know of it. */
function sectionOf(item: Item, section: string): string | undefined {
  if ([...item.fields, ...item.files].some((part) => part.section === section)) return section
  return one(item.sections, section, 'sections')?.id
}

function fieldOf(fields: readonly Field[], name: string): Field | undefined {
  const byId = fields.filter(({ id }) => id === name)
  if (byId.length === 1) return byId[0]
  const byLabel = fields.filter(({ title }) => title === name)
  // A field of no section is named without one, whatever the sections hold.
  const unsectioned = byLabel.filter(({ section }) => section === undefined)
  if (byLabel.length > 1 && unsectioned.length === 1) return unsectioned[0]
  if (byLabel.length > 0) return one(byLabel, name, 'fields')
  const purpose = purposes.get(name) ?? name
  return fields.find((field) => field.purpose !== '' && field.purpose === purpose)
}

function one<T extends Named>(all: readonly T[], name: string, what: string): T | undefined {
  const byId = all.find(({ id }) => id === name)
  if (byId !== undefined) return byId
  const byTitle = all.filter(({ title }) => title === name)
  if (byTitle.length > 1) {
    throw new Malformed(`several ${what} are named "${name}". Name one by its id: ${idsOf(byTitle)}`)
  }
  return byTitle[0]
}

/** Ids for a message; of many only the first. */
export function idsOf(all: readonly Named[]): string {
  return all
    .slice(0, 5)
    .map(({ id }) => shown(id))
    .join(', ')
}

/** Whoever edits an item chooses its labels, and they may be long and hold anything. */
function shown(text: string): string {
  return text.replaceAll(/\p{Cc}/gu, '?').slice(0, 64)
}
