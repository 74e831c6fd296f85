import { type FileSecret, FormatError } from '../content.ts'

/** A secret and what it is called in the file. */
export interface Entry {
  readonly key: string
  readonly secret: FileSecret
}

export type Keys = Readonly<Record<string, string>> | undefined

/**
 * What each secret is called: what `keys` says, else what the format makes of its name.
 *
 * @throws FormatError where two are called the same: one of them would be lost
 */
export function entriesOf(
  secrets: readonly FileSecret[],
  keys: Keys,
  defaultKey: (name: string) => string = (name) => name,
): Entry[] {
  const taken = new Map<string, string>()
  return secrets.map((secret) => {
    const key =
      (keys !== undefined && Object.hasOwn(keys, secret.name) ? keys[secret.name] : undefined) ??
      defaultKey(secret.name)
    const other = taken.get(key)
    if (other !== undefined)
      throw new FormatError(
        `${quoted(other)} and ${quoted(secret.name)} would both be written as ${quoted(key)}: name one of them in keys`,
        secret.name,
      )
    taken.set(key, secret.name)
    return { key, secret }
  })
}

/** @throws FormatError where the value is no UTF-8 text, which the format cannot hold */
export function textBytes(secret: FileSecret, format: string): Buffer {
  if (secret.isText) return secret.reveal()
  throw new FormatError(
    `the value of ${quoted(secret.name)} is no UTF-8 text, which ${format} cannot hold: use raw, directory, or a template with base64`,
    secret.name,
  )
}

export function quoted(text: string): string {
  return JSON.stringify(text)
}

/** The code points of valid UTF-8 (RFC 3629, section 3), without a string of them. */
export function* codePoints(bytes: Buffer): Generator<number> {
  for (let at = 0; at < bytes.length; ) {
    const first = bytes[at] ?? 0
    const length = first < 0x80 ? 1 : first < 0xe0 ? 2 : first < 0xf0 ? 3 : 4
    let point = length === 1 ? first : first & (0xff >> (length + 1))
    for (let next = 1; next < length; next++) point = (point << 6) | ((bytes[at + next] ?? 0) & 0x3f)
    yield point
    at += length
  }
}

export function hex(value: number, digits: number): string {
  return value.toString(16).toUpperCase().padStart(digits, '0')
}
