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
  } catch (error) {
    if (error instanceof RangeError) return parseDeep(text)
    throw new Malformed('it is not valid JSON')
  }
}

/** A number whose spelling was lost. It can be reckoned with, but is no secret, nor is anything that holds it. */
class UnspeltNumber {
  readonly value: number

  constructor(value: number) {
    this.value = value
  }

  toJSON(): never {
    throw new Malformed('a number in it has lost its spelling, since another value is nested too deep')
  }
}

/**
 * What is nested some thousand deep can be parsed, but not gone through by a reviver. One such value must not take
 * the others with it: they come through, but for numbers.
 */
function parseDeep(text: string): unknown {
  const top: [unknown] = [JSON.parse(text)]
  const containers: (unknown[] | Record<string, unknown>)[] = [top]
  const seen = (value: unknown): unknown => {
    if (typeof value === 'number') return new UnspeltNumber(value)
    if (Array.isArray(value) || isJsonObject(value)) containers.push(value)
    return value
  }
  for (let next = containers.pop(); next !== undefined; next = containers.pop()) {
    if (Array.isArray(next)) for (const [at, value] of next.entries()) next[at] = seen(value)
    else for (const [name, value] of Object.entries(next)) next[name] = seen(value)
  }
  return top[0]
}

/** Text of UTF-8 bytes, without a byte order mark. Throws `Malformed`. */
export function utf8Text(bytes: Buffer): string {
  if (!isUtf8(bytes)) throw new Malformed('it is not valid UTF-8')
  const text = bytes.toString('utf8')
  return text.startsWith('\ufeff') ? text.slice(1) : text
}

/** True for a JSON object: neither an array, nor null, nor a number that kept its spelling or lost it. */
export function isJsonObject(value: unknown): value is Record<string, unknown> {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return false
  return !JSON.isRawJSON(value) && !(value instanceof UnspeltNumber)
}

/** The number that a parsed JSON value is, or undefined. */
export function jsonNumber(value: unknown): number | undefined {
  if (typeof value === 'number') return value
  if (value instanceof UnspeltNumber) return value.value
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
  return SecretValue.fromText(written(value))
}

function written(value: unknown): string {
  try {
    return JSON.stringify(value)
  } catch (error) {
    if (error instanceof RangeError) throw new Malformed('a value is nested too deep')
    throw error
  }
}
