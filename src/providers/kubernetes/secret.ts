import { isUtf8 } from 'node:buffer'
import { SecretValue } from '../../secrets/secret.ts'
import { isJsonObject } from '../shared/json.ts'
import { Malformed } from '../shared/malformed.ts'
import { isEntryName } from './key.ts'
import { type Metadata, metadataOf } from './metadata.ts'

/** A Secret as the API server sent it: its entries are decoded when they are asked for, and only those. */
export interface SecretObject extends Metadata {
  /** By name, in base64. */
  readonly entries: ReadonlyMap<string, unknown>
}

/** Throws `Malformed`. */
export function secretOf(json: unknown): SecretObject {
  if (!isJsonObject(json)) throw new Malformed('it is no Secret')
  // An item of a list has no kind of its own.
  if (json.kind !== undefined && json.kind !== 'Secret') throw new Malformed('it is no Secret')
  const metadata = metadataOf(json)
  const data = json.data ?? {}
  if (!isJsonObject(data)) throw new Malformed('a Secret in it has data that is no mapping')
  const entries = new Map(Object.entries(data))
  for (const name of entries.keys()) {
    if (!isEntryName(name)) throw new Malformed('a Secret in it has an entry that no Secret can have')
  }
  return { ...metadata, entries }
}

/** The exact bytes of an entry; undefined where the Secret has none of that name. Throws `Malformed`. */
export function entryOf({ entries }: SecretObject, name: string): SecretValue | undefined {
  const encoded = entries.get(name)
  return encoded === undefined && !entries.has(name) ? undefined : new SecretValue(decoded(encoded, name))
}

/**
 * All entries as the text of a JSON object, ordered by name, so that the same entries are always the same bytes. Throws
 * `Malformed` for an entry that is no text: it has no place in JSON.
 */
export function wholeOf({ name, entries }: SecretObject): SecretValue {
  const texts: [string, string][] = []
  for (const [entry, encoded] of [...entries].sort(([a], [b]) => (a < b ? -1 : 1))) {
    const bytes = decoded(encoded, entry)
    if (!isUtf8(bytes)) {
      bytes.fill(0)
      throw new Malformed(
        `its entry "${entry}" is not UTF-8, which JSON cannot carry. Ask for "${name}/${entry}", and for each other entry by its name too`,
      )
    }
    texts.push([entry, bytes.toString('utf8')])
    bytes.fill(0)
  }
  // Not an object: members that look like numbers would come first, whatever their order.
  const members = texts.map(([entry, text]) => `${JSON.stringify(entry)}:${JSON.stringify(text)}`)
  return SecretValue.fromText(`{${members.join(',')}}`)
}

function decoded(encoded: unknown, name: string): Buffer {
  const bytes = typeof encoded === 'string' ? Buffer.from(encoded, 'base64') : undefined
  // Node's decoder skips what is no base64, and would make a shorter secret of a broken one.
  if (bytes === undefined || bytes.toString('base64') !== encoded) {
    throw new Malformed(`its entry "${name}" is not valid base64 (RFC 4648, section 4)`)
  }
  return bytes
}
