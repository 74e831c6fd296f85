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

/** Looks for one text in outputs, however it was encoded on the way there. */
type Trace = (output: string | Uint8Array) => string | undefined

/**
 * For values that no test has chosen, and which have no marker therefore.
 *
 * @param wanted of at least a few bytes of ASCII: what is short turns up by chance
 * @returns what tells how an output carries it; undefined where it does not
 */
export function traceOf(wanted: string): Trace {
  const searches = searchesFor(wanted)
  return (output) => {
    // Latin-1 keeps every byte, and what is wanted is ASCII: bytes that are no UTF-8 hide nothing.
    const text = typeof output === 'string' ? output : Buffer.from(output).toString('latin1')
    return searches.find((search) => search.finds(text))?.encoding
  }
}

/** How a text carries the marker; undefined where it does not. */
export const traceOfCanary = traceOf(canaryMarker)

function searchesFor(wanted: string): readonly Search[] {
  const bytes = Buffer.from(wanted)
  const hex = bytes.toString('hex')
  /** The bytes one by one, as `<Buffer 43 41 …>` and `[67,65,…]` show them. */
  const separated = {
    hex: new RegExp([...bytes].map((byte) => byte.toString(16)).join('[\\s:,]+(?:0x)?'), 'i'),
    decimal: new RegExp(`\\b${[...bytes].join('\\s*,\\s*')}\\b`),
  }
  const base64 = [0, 1, 2].map((offset) => fixedBase64(bytes, offset))
  return [
    { encoding: 'as it is', finds: (text) => text.includes(wanted) },
    { encoding: 'URL-encoded', finds: (text) => unescapePercent(text).includes(wanted) },
    { encoding: 'JSON-escaped', finds: (text) => unescapeUnicode(text).includes(wanted) },
    { encoding: 'HTML-escaped', finds: (text) => unescapeEntities(text).includes(wanted) },
    { encoding: 'as UTF-16', finds: (text) => text.replaceAll('\0', '').includes(wanted) },
    { encoding: 'in hex', finds: (text) => text.toLowerCase().includes(hex) || separated.hex.test(text) },
    { encoding: 'as a list of bytes', finds: (text) => separated.decimal.test(text) },
    // The log's matcher is the second line of defence: what it had to take out had got past the first.
    { encoding: 'and taken out by the matcher', finds: (text) => text.includes('[redacted ') },
    // Line breaks inside of base64 (MIME, PEM) would hide it.
    {
      encoding: 'in base64',
      finds: (text) => {
        const joined = text.replaceAll(/(?:\\[rn]|[\r\n])+[ \t]*/g, '')
        return base64.some((part) => text.includes(part) || joined.includes(part))
      },
    },
  ]
}

/**
 * Base64 shifts what it encodes by what stands before it, so a value looks different at each of three offsets. Only
 * the characters that it alone decides are searched for: those at its edges depend on its neighbours.
 */
function fixedBase64(bytes: Buffer, offset: number): string {
  const text = Buffer.concat([Buffer.alloc(offset), bytes]).toString('base64')
  return text.slice(Math.ceil((offset * 8) / 6), Math.floor(((offset + bytes.length) * 8) / 6))
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
