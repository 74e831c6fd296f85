/**
 * Every secret value in the tests begins with this marker, so that a search for it finds a leaked value wherever it
 * turns up, and however it was encoded on the way.
 */
export const canaryMarker = 'CANARY-'

interface Search {
  /** How the marker was encoded, for the message of a failure. */
  readonly encoding: string
  readonly finds: (text: string) => boolean
}

const bytes = Buffer.from(canaryMarker)
const hex = bytes.toString('hex')

/** The bytes one by one, as `<Buffer 43 41 …>` and `[67,65,…]` show them. */
const separated = {
  hex: new RegExp([...bytes].map((byte) => byte.toString(16)).join('[\\s:,]+(?:0x)?'), 'i'),
  decimal: new RegExp(`\\b${[...bytes].join('\\s*,\\s*')}\\b`),
}

/**
 * Base64 shifts what it encodes by what stands before it, so a value looks different at each of three offsets. Only
 * the characters that the marker alone decides are searched for: those at its edges depend on its neighbours.
 */
const base64 = [0, 1, 2].map((offset) => {
  const text = Buffer.concat([Buffer.alloc(offset), bytes]).toString('base64')
  return text.slice(Math.ceil((offset * 8) / 6), Math.floor(((offset + bytes.length) * 8) / 6))
})

const searches: readonly Search[] = [
  { encoding: 'as it is', finds: (text) => text.includes(canaryMarker) },
  { encoding: 'URL-encoded', finds: (text) => unescapePercent(text).includes(canaryMarker) },
  { encoding: 'JSON-escaped', finds: (text) => unescapeUnicode(text).includes(canaryMarker) },
  { encoding: 'HTML-escaped', finds: (text) => unescapeEntities(text).includes(canaryMarker) },
  { encoding: 'as UTF-16', finds: (text) => text.replaceAll('\0', '').includes(canaryMarker) },
  { encoding: 'in hex', finds: (text) => text.toLowerCase().includes(hex) || separated.hex.test(text) },
  { encoding: 'as a list of bytes', finds: (text) => separated.decimal.test(text) },
  // Line breaks inside of base64 (MIME, PEM) would hide it.
  {
    encoding: 'in base64',
    finds: (text) => {
      const joined = text.replaceAll(/(?:\\[rn]|[\r\n])+[ \t]*/g, '')
      return base64.some((part) => text.includes(part) || joined.includes(part))
    },
  },
]

/** How a text carries the marker; undefined where it does not. */
export function traceOfCanary(output: string | Uint8Array): string | undefined {
  // Latin-1 keeps every byte, and the marker is ASCII: bytes that are no UTF-8 hide nothing.
  const text = typeof output === 'string' ? output : Buffer.from(output).toString('latin1')
  return searches.find((search) => search.finds(text))?.encoding
}

function unescapePercent(text: string): string {
  return text.replaceAll(/%([0-9a-f]{2})/gi, (_, code: string) =>
    String.fromCharCode(Number.parseInt(code, 16)),
  )
}

function unescapeUnicode(text: string): string {
  return text.replaceAll(/\\+(?:u00|x)([0-9a-f]{2})/gi, (_, code: string) =>
    String.fromCharCode(Number.parseInt(code, 16)),
  )
}

function unescapeEntities(text: string): string {
  return text
    .replaceAll(/&#x0*([0-9a-f]{2});/gi, (_, code: string) => String.fromCharCode(Number.parseInt(code, 16)))
    .replaceAll(/&#0*(\d{2,3});/g, (_, code: string) => String.fromCharCode(Number(code)))
}
