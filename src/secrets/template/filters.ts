import { pickField } from '../field.ts'
import type { FilterName } from './template.ts'

/**
 * What the filters do: bytes in, bytes out, in a buffer of its own. They work on bytes rather than strings, since a string
 * cannot be overwritten; only `field` has to make some. Each but `base64` is given UTF-8 text only. Undefined where there
 * is no such field.
 */
export const filters: Readonly<
  Record<FilterName, (bytes: Buffer, argument: string | undefined) => Buffer | undefined>
> = {
  field(bytes, field = '') {
    const text = pickField(bytes.toString('utf8'), field)
    return text === undefined ? undefined : Buffer.from(text, 'utf8')
  },
  urlencode,
  base64,
  json: jsonInside,
  trim(bytes) {
    let [from, to] = [0, bytes.length]
    while (from < to && isSpace(bytes[from])) from += 1
    while (to > from && isSpace(bytes[to - 1])) to -= 1
    return Buffer.from(bytes.subarray(from, to))
  },
}

const upperHex = Buffer.from('0123456789ABCDEF', 'latin1')
const lowerHex = Buffer.from('0123456789abcdef', 'latin1')
const base64Digits = Buffer.from('ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/', 'latin1')

const of = (text: string): number => text.charCodeAt(0)
const [percent, padding, backslash, quote, letterU, zero] = [
  of('%'),
  of('='),
  of('\\'),
  of('"'),
  of('u'),
  of('0'),
]

/** Letters, digits and `-._~` (RFC 3986, section 2.3). */
const unreserved = new Set(
  Buffer.from('ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~', 'latin1'),
)

/** Everything but what is unreserved as `%XX` (RFC 3986, section 2.1): fit for any part of a URL. */
function urlencode(bytes: Buffer): Buffer {
  let length = 0
  for (const byte of bytes) length += unreserved.has(byte) ? 1 : 3
  const made = Buffer.allocUnsafe(length)
  let at = 0
  for (const byte of bytes) {
    if (unreserved.has(byte)) made[at++] = byte
    else {
      made[at++] = percent
      made[at++] = digit(upperHex, byte >> 4)
      made[at++] = digit(upperHex, byte & 15)
    }
  }
  return made
}

/** RFC 4648, section 4: with padding, in one line. */
function base64(bytes: Buffer): Buffer {
  const made = Buffer.allocUnsafe(Math.ceil(bytes.length / 3) * 4)
  let at = 0
  for (let from = 0; from < bytes.length; from += 3) {
    const left = bytes.length - from
    const [a, b, c] = [bytes[from] ?? 0, bytes[from + 1] ?? 0, bytes[from + 2] ?? 0]
    made[at++] = digit(base64Digits, a >> 2)
    made[at++] = digit(base64Digits, ((a & 3) << 4) | (b >> 4))
    made[at++] = left > 1 ? digit(base64Digits, ((b & 15) << 2) | (c >> 6)) : padding
    made[at++] = left > 2 ? digit(base64Digits, c & 63) : padding
  }
  return made
}

/** Control characters that have an escape of one letter (RFC 8259, section 7). */
const shortEscapes = new Map([
  [8, of('b')],
  [9, of('t')],
  [10, of('n')],
  [12, of('f')],
  [13, of('r')],
])

/** What stands between the quotes of a JSON string (RFC 8259, section 7). */
function jsonInside(bytes: Buffer): Buffer {
  let length = 0
  for (const byte of bytes) length += lengthInJson(byte)
  const made = Buffer.allocUnsafe(length)
  let at = 0
  for (const byte of bytes) {
    const escapedLength = lengthInJson(byte)
    if (escapedLength === 1) made[at++] = byte
    else {
      made[at++] = backslash
      if (escapedLength === 2) made[at++] = shortEscapes.get(byte) ?? byte
      else {
        made[at++] = letterU
        made[at++] = zero
        made[at++] = zero
        made[at++] = digit(lowerHex, byte >> 4)
        made[at++] = digit(lowerHex, byte & 15)
      }
    }
  }
  return made
}

function lengthInJson(byte: number): number {
  if (byte === quote || byte === backslash || shortEscapes.has(byte)) return 2
  return byte < 0x20 ? 6 : 1
}

function digit(digits: Buffer, value: number): number {
  return digits[value] ?? 0
}

/** Space, and tab to carriage return: the white space of ASCII. */
function isSpace(byte: number | undefined): boolean {
  return byte !== undefined && (byte === 0x20 || (byte >= 9 && byte <= 13))
}
