const prefix = 'op://'

/** What a key names. Each part is an id, or a title as people see it. */
export interface Reference {
  readonly vault: string
  readonly item: string
  readonly section?: string
  /** A field or a file; without it, the whole item. */
  readonly field?: string
}

export type ParsedKey =
  | Reference
  /** No secret can have such a key. */
  | { readonly unreadable: string }
  /** What it asks for is not given. */
  | { readonly refused: string }

const forms = 'item, item/field or item/section/field, each percent-encoded where it holds a slash'

/**
 * Reads a key: `vault/item`, `vault/item/field` or `vault/item/section/field`. With a vault configured, keys begin with
 * the item; then, as without one, `op://` begins one that names its vault, in the form of 1Password's own references
 * (https://developer.1password.com/docs/cli/secret-reference-syntax).
 */
export function parseKey(key: string, vault: string | undefined): ParsedKey {
  const isAbsolute = key.startsWith(prefix)
  const [path = '', ...query] = isAbsolute ? key.slice(prefix.length).split('?') : [key]
  const refusal = query.length === 0 ? undefined : refusalOf(query.join('?'))
  if (refusal !== undefined) return { refused: refusal }
  const parts = path.split('/').map(decoded)
  if (!isAbsolute && vault !== undefined) parts.unshift(vault)
  if (parts.length < 2 || parts.length > 4 || !parts.every((part) => part !== undefined && part !== '')) {
    const begins = isAbsolute ? 'op://vault/' : vault === undefined ? 'vault/' : ''
    return { unreadable: `A key is ${begins}${forms}` }
  }
  const [ofVault = '', item = '', ...rest] = parts as string[]
  const field = rest.at(-1)
  const section = rest.length === 2 ? rest[0] : undefined
  return {
    vault: ofVault,
    item,
    ...(section !== undefined && { section }),
    ...(field !== undefined && { field }),
  }
}

/** A title as a part of a key: percent-encoded where it would end the part, or where a secret's name could not hold it. */
export function encodedPart(title: string): string {
  if (/^\.{1,2}$/.test(title)) return title.replaceAll('.', '%2E')
  return title.replaceAll(/[%/*?\\]|\p{Cc}/gu, (character) =>
    [...Buffer.from(character)]
      .map((byte) => `%${byte.toString(16).toUpperCase().padStart(2, '0')}`)
      .join(''),
  )
}

/** Undefined for what is no percent-encoding, or half of a surrogate pair. */
export function decoded(part: string): string | undefined {
  if (!part.isWellFormed()) return undefined
  try {
    return decodeURIComponent(part)
  } catch {
    return undefined
  }
}

function refusalOf(query: string): string | undefined {
  if (query === 'attribute=value') return undefined
  if (/^attribute=t?otp$/.test(query)) {
    return 'a one-time code is good for seconds, and would be over before it is read here. Read the field itself, which holds the key that codes are made from, and make them in the application'
  }
  return 'of what can follow the "?" of a reference, only attribute=value is known here'
}
