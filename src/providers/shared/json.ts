import { isUtf8 } from 'node:buffer'
import { SecretValue } from '../../secrets/secret.ts'
import { Malformed } from './malformed.ts'

/**
 * Parses JSON in UTF-8 (RFC 8259, section 8.1). A number keeps its exact spelling for `jsonSecret`: `12345678901234567890`
 * or `1.50` would come back changed from a double, and a secret that changed silently is worse than none.
 * Throws `Malformed`, which quotes nothing of the input.
 */
export function parseJson(bytes: Buffer): unknown {
  const text = utf8Text(bytes)
  try {
    return JSON.parse(text, (_key, value, { source }) =>
      typeof value === 'number' && source !== undefined && source !== String(value)
        ? JSON.rawJSON(source)
        : value,
    )
  } catch {
    throw new Malformed('it is not valid JSON')
  }
}

/** Text of UTF-8 bytes, without a byte order mark. Throws `Malformed`. */
export function utf8Text(bytes: Buffer): string {
  if (!isUtf8(bytes)) throw new Malformed('it is not valid UTF-8')
  const text = bytes.toString('utf8')
  return text.startsWith('\ufeff') ? text.slice(1) : text
}

/** True for a JSON object: neither an array, nor null, nor a number that kept its spelling. */
export function isJsonObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value) && !JSON.isRawJSON(value)
}

/** The number that a parsed JSON value is, or undefined. */
export function jsonNumber(value: unknown): number | undefined {
  if (typeof value === 'number') return value
  // Only numbers are ever kept raw.
  return JSON.isRawJSON(value) ? Number(value.rawJSON) : undefined
}

/** A string as it is, anything else JSON-encoded. Throws `Malformed` for what has no UTF-8 form. */
export function jsonSecret(value: unknown): SecretValue {
  if (typeof value === 'string') {
    // Half of a surrogate pair would silently become U+FFFD in UTF-8.
    if (!value.isWellFormed()) throw new Malformed('a value is not well-formed Unicode')
    return SecretValue.fromText(value)
  }
  return SecretValue.fromText(JSON.stringify(value))
}
