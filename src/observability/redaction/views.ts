import { countUntil } from './sorted.ts'

/** A text, or one with some of its escapes undone: what is looked at, and where in the text each byte of it comes from. */
export interface View {
  readonly bytes: Uint8Array
  /** What it was made of; undefined where it is the text itself. */
  readonly origin: Origin | undefined
}

interface Origin {
  readonly view: View
  /** Where something else than the byte after the last begins: in the view that was made, and in that one. In order. */
  readonly jumps: readonly Jump[]
}

interface Jump {
  readonly at: number
  readonly from: number
}

const backslash = 0x5c
const percent = 0x25

/** With the escapes of JSON strings undone (RFC 8259, section 7), wherever they stand; undefined where there are none. */
export function unescaped(view: View): View | undefined {
  const { bytes } = view
  let from = bytes.indexOf(backslash)
  if (from < 0) return undefined
  const copy = new Copy(view)
  for (let at = from; at >= 0; at = bytes.indexOf(backslash, from)) {
    copy.keep(at)
    const short = shortEscapes.get(bytes[at + 1] ?? 0)
    if (short !== undefined) copy.replace(2, short)
    else {
      const { size, code } = unicodeEscape(bytes, at)
      if (size === 0) copy.keep(at + 1)
      else if (code < 0x80) copy.replace(size, code)
      else copy.replaceByMany(size, Buffer.from(String.fromCodePoint(code)))
    }
    from = copy.at
  }
  return copy.done()
}

/** With percent-encoding undone (RFC 3986, section 2.1), wherever it stands; undefined where there is none. */
export function percentDecoded(view: View): View | undefined {
  const { bytes } = view
  let from = bytes.indexOf(percent)
  if (from < 0) return undefined
  const copy = new Copy(view)
  for (let at = from; at >= 0; at = bytes.indexOf(percent, from)) {
    copy.keep(at)
    const code = hexNumber(bytes, at + 1, 2)
    if (code < 0) copy.keep(at + 1)
    else copy.replace(3, code)
    from = copy.at
  }
  return copy.done()
}

/** A view while it is being made of another one. */
class Copy {
  readonly #view: View
  readonly #bytes: Uint8Array
  readonly #jumps: Jump[] = []
  #length = 0
  /** How much of what it is made of has been seen. */
  at = 0

  constructor(view: View) {
    this.#view = view
    // Written over from the beginning: no escape is shorter than what it stands for.
    this.#bytes = new Uint8Array(view.bytes)
  }

  /** Takes over what stands before `until`. */
  keep(until: number): void {
    this.#bytes.copyWithin(this.#length, this.at, until)
    this.#length += until - this.at
    this.at = until
  }

  replace(size: number, by: number): void {
    this.#bytes[this.#length] = by
    this.#length += 1
    this.at += size
    this.#jumps.push({ at: this.#length, from: this.at })
  }

  /** Each byte of a character comes from the whole escape; the first one does so anyway. */
  replaceByMany(size: number, by: Uint8Array): void {
    for (let index = 1; index < by.length; index += 1) {
      this.#jumps.push({ at: this.#length + index, from: this.at })
    }
    this.#bytes.set(by, this.#length)
    this.#length += by.length
    this.at += size
    this.#jumps.push({ at: this.#length, from: this.at })
  }

  done(): View | undefined {
    if (this.#jumps.length === 0) return undefined
    this.keep(this.#view.bytes.length)
    const bytes = this.#bytes.subarray(0, this.#length)
    return { bytes, origin: { view: this.#view, jumps: this.#jumps } }
  }
}

/** Where in the text a byte of a view begins; of the one after the last, where the text ends. */
export function sourceOf({ origin }: View, at: number): number {
  if (origin === undefined) return at
  const jump = origin.jumps[countUntil(origin.jumps, (one) => one.at <= at) - 1]
  return sourceOf(origin.view, jump === undefined ? at : jump.from + (at - jump.at))
}

const shortEscapes: ReadonlyMap<number, number> = new Map(
  Object.entries({ '"': '"', '\\': '\\', '/': '/', b: '\b', f: '\f', n: '\n', r: '\r', t: '\t' }).map(
    ([letter, stands]) => [letter.charCodeAt(0), stands.charCodeAt(0)],
  ),
)

/** A `\u` escape, or two that are one character; of size 0 where there is none, or half of such a pair. */
function unicodeEscape(bytes: Uint8Array, at: number): { size: number; code: number } {
  const none = { size: 0, code: 0 }
  const code = unicodeUnit(bytes, at)
  if (code < 0xd800 || code > 0xdfff) return code < 0 ? none : { size: 6, code }
  const low = unicodeUnit(bytes, at + 6)
  if (code > 0xdbff || low < 0xdc00 || low > 0xdfff) return none
  return { size: 12, code: 0x10000 + ((code - 0xd800) << 10) + (low - 0xdc00) }
}

function unicodeUnit(bytes: Uint8Array, at: number): number {
  return bytes[at] === backslash && bytes[at + 1] === 0x75 ? hexNumber(bytes, at + 2, 4) : -1
}

/** A number of so many hexadecimal digits, or -1. */
function hexNumber(bytes: Uint8Array, at: number, digits: number): number {
  let number = 0
  for (let index = at; index < at + digits; index += 1) {
    const digit = hexDigit(bytes[index] ?? 0)
    if (digit < 0) return -1
    number = number * 16 + digit
  }
  return number
}

function hexDigit(byte: number): number {
  if (byte >= 0x30 && byte <= 0x39) return byte - 0x30
  const letter = byte | 0x20
  return letter >= 0x61 && letter <= 0x66 ? letter - 0x57 : -1
}
