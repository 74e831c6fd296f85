import { Malformed } from '../../shared/malformed.ts'

/** An element of DER (ITU-T X.690, section 10): its tag, and its content, a view of what was read. */
export interface Element {
  readonly tag: number
  readonly content: Buffer
  /** Tag, length and content. */
  readonly whole: Buffer
}

export const tags = {
  integer: 0x02,
  octetString: 0x04,
  oid: 0x06,
  sequence: 0x30,
  /** `[0]`, primitive and constructed. */
  zero: 0x80,
  zeroConstructed: 0xa0,
} as const

/** No structure that is read here has nearly as many parts. */
const mostParts = 200

/** The one element that these bytes are. Throws `Malformed`. */
export function readElement(bytes: Buffer): Element {
  const [element, rest] = split(bytes)
  if (rest.length > 0) throw unreadable()
  return element
}

/** The parts of a structure. Throws `Malformed` where it is another one. */
export function partsOf(element: Element | undefined, tag: number = tags.sequence): Element[] {
  let rest = contentOf(element, tag)
  const parts: Element[] = []
  while (rest.length > 0) {
    if (parts.length === mostParts) throw unreadable()
    const [part, left] = split(rest)
    parts.push(part)
    rest = left
  }
  return parts
}

/** The one element inside an explicit tag. Throws `Malformed`. */
export function insideOf(element: Element | undefined): Element {
  return readElement(contentOf(element, tags.zeroConstructed))
}

/** Throws `Malformed` where it is something else. */
export function contentOf(element: Element | undefined, tag: number): Buffer {
  if (element?.tag !== tag) throw unreadable()
  return element.content
}

/** An object identifier as people write it: `1.2.840.113549`. Throws `Malformed`. */
export function oidOf(element: Element | undefined): string {
  const bytes = contentOf(element, tags.oid)
  if (bytes.length === 0 || bytes.length > 32 || (bytes.at(-1) ?? 0) >= 0x80) throw unreadable()
  const arcs: number[] = []
  let arc = 0
  for (const byte of bytes) {
    arc = arc * 128 + (byte & 0x7f)
    if (arc > Number.MAX_SAFE_INTEGER / 256) throw unreadable()
    if (byte < 0x80) {
      arcs.push(arc)
      arc = 0
    }
  }
  const [first = 0, ...others] = arcs
  const top = Math.min(Math.floor(first / 40), 2)
  return [top, first - top * 40, ...others].join('.')
}

/** A number that is no negative one, and none that is longer than any that is used here. Throws `Malformed`. */
export function numberOf(element: Element | undefined): number {
  const bytes = contentOf(element, tags.integer)
  if (bytes.length === 0 || bytes.length > 4 || (bytes[0] ?? 0) >= 0x80) throw unreadable()
  return bytes.readUIntBE(0, bytes.length)
}

function split(bytes: Buffer): [element: Element, rest: Buffer] {
  const [tag, first] = [bytes[0], bytes[1]]
  // A tag of several bytes is used nowhere here.
  if (tag === undefined || first === undefined || (tag & 0x1f) === 0x1f) throw unreadable()
  const [length, start] = first < 0x80 ? [first, 2] : longLength(bytes, first & 0x7f)
  const end = start + length
  if (end > bytes.length) throw unreadable()
  return [{ tag, content: bytes.subarray(start, end), whole: bytes.subarray(0, end) }, bytes.subarray(end)]
}

function longLength(bytes: Buffer, digits: number): [length: number, start: number] {
  // No digits is BER's indefinite length.
  if (digits === 0 || digits > 4 || bytes.length < 2 + digits) throw unreadable()
  const length = bytes.readUIntBE(2, digits)
  const isShortest = length >= 0x80 && length >= 256 ** (digits - 1)
  if (!isShortest) throw unreadable()
  return [length, 2 + digits]
}

/** Fixed words: what cannot be read may be a key. */
export function unreadable(): Malformed {
  return new Malformed(
    'its PKCS#12 container is not valid DER. Have the certificate kept as PEM, or set certificates: unchanged',
  )
}
