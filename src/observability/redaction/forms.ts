/** The forms in which a value is looked for. Escapes of JSON and of URLs are undone before the look (`views.ts`). */
import { windowSize } from './grams.ts'

export interface Form {
  /** How many bytes of a text the form of a value of `length` bytes takes, those included that only a part of it is in. */
  size(length: number): number
  /** The value's bytes as far as they are in a text of that size; undefined where it is none of this form. */
  decode(text: Uint8Array, length: number): Uint8Array | undefined
  /** One byte of the value that a text from `start` on would stand for; -1 where it stands for none in this form. */
  byteAt(text: Uint8Array, start: number, index: number): number
  /** The form of a part of a value that begins at byte `from` of it, a multiple of 3: only what the part alone decides. */
  sample(part: Uint8Array, from: number): Sample
}

export interface Sample {
  readonly text: Uint8Array
  /** Bytes from the beginning of the form to that of the text. */
  readonly distance: number
  /** As another alphabet writes the same; undefined where there is no difference. */
  readonly variant?: Uint8Array | undefined
}

const hexDigits = digitsOf('0123456789abcdef', '0123456789ABCDEF')
const alphanumeric = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789'
const base64Digits = digitsOf(`${alphanumeric}+/`, `${alphanumeric}-_`)

/** By byte: which digit of the alphabets it is, or -1. */
function digitsOf(...alphabets: readonly string[]): Int8Array {
  const digits = new Int8Array(256).fill(-1)
  for (const one of alphabets) for (let at = 0; at < one.length; at += 1) digits[one.charCodeAt(at)] = at
  return digits
}

const raw: Form = {
  size: (length) => length,
  decode: (text) => text,
  byteAt: (text, start, index) => text[start + index] ?? -1,
  sample: (text, from) => ({ text, distance: from }),
}

const hex: Form = {
  size: (length) => 2 * length,
  decode(text) {
    if (!text.every(isHexDigit)) return undefined
    return Buffer.from(latin1(text), 'hex')
  },
  byteAt(text, start, index) {
    const high = hexDigits[text[start + 2 * index] ?? 0] ?? -1
    const low = hexDigits[text[start + 2 * index + 1] ?? 0] ?? -1
    return high < 0 || low < 0 ? -1 : (high << 4) | low
  },
  sample: (part, from) => ({ text: Buffer.from(Buffer.from(part).toString('hex')), distance: 2 * from }),
}

/**
 * Base64 (RFC 4648, sections 4 and 5) shifts what it encodes by what stands before it: a value looks different after each
 * number of bytes, modulo 3. Of its first and its last character it may share bits with its neighbours.
 */
function base64(before: 0 | 1 | 2): Form {
  const first = Math.floor((8 * before) / 6)
  return {
    size: (length) => Math.ceil((8 * (before + length)) / 6) - first,
    decode(text, length) {
      if (!text.every(isBase64)) return undefined
      // Whatever stood in for the characters before it; Node reads both alphabets, mixed too.
      const bytes = Buffer.from(`${'A'.repeat(first)}${latin1(text)}AA`, 'base64')
      return bytes.subarray(before, before + length)
    },
    byteAt(text, start, index) {
      const bit = 8 * (before + index)
      const at = start + Math.floor(bit / 6) - first
      const left = base64Digits[text[at] ?? 0] ?? -1
      const right = base64Digits[text[at + 1] ?? 0] ?? -1
      return left < 0 || right < 0 ? -1 : (((left << 6) | right) >>> (4 - (bit % 6))) & 0xff
    },
    sample(part, from) {
      const encoded = Buffer.concat([Buffer.alloc(before), part]).toString('base64')
      const begin = Math.ceil((8 * before) / 6)
      const sure = encoded.slice(begin, Math.floor((8 * (before + part.length)) / 6))
      const url = sure.replaceAll('+', '-').replaceAll('/', '_')
      return {
        text: Buffer.from(sure),
        distance: (4 * from) / 3 + begin - first,
        variant: url === sure ? undefined : Buffer.from(url),
      }
    },
  }
}

export const forms: readonly Form[] = [raw, hex, base64(0), base64(1), base64(2)]

/** The shortest value that is looked for, in bytes: a shorter one would take ordinary words and numbers out of the log. */
export const shortest = windowSize - 1

function latin1(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString('latin1')
}

function isHexDigit(byte: number): boolean {
  return (hexDigits[byte] ?? -1) >= 0
}

function isBase64(byte: number): boolean {
  return (base64Digits[byte] ?? -1) >= 0
}
