/** How a match is taken out of a line: what was JSON stays JSON. */
import { countUntil } from './sorted.ts'

/** What is taken out, from byte to byte, and what is written in its place. */
export interface Cut {
  readonly start: number
  readonly end: number
  readonly label: string
}

/** @param cuts in order, none over another */
export function splice(line: Uint8Array, cuts: readonly Cut[]): Buffer {
  const text = Buffer.from(line.buffer, line.byteOffset, line.length)
  const parsed = parse(text.toString('utf8'))
  if (parsed === undefined) return cutOut(text, cuts, (cut) => ({ ...cut, by: cut.label }))
  const strings = stringsOf(text)
  const spliced = cutOut(text, cuts, (cut) => inJson(text, strings, cut))
  return parse(spliced.toString('utf8')) === undefined ? instead(parsed.value, cuts) : spliced
}

/** What is cut out in the end, and the bytes that take its place. */
interface Replacement {
  readonly start: number
  readonly end: number
  readonly by: string
}

function cutOut(text: Buffer, cuts: readonly Cut[], replace: (cut: Cut) => Replacement): Buffer {
  const parts: Uint8Array[] = []
  let at = 0
  for (const cut of cuts) {
    const { start, end, by } = replace(cut)
    // Of a number that two values make up together, the first has taken all.
    if (end <= at) continue
    parts.push(text.subarray(at, Math.max(at, start)), Buffer.from(by))
    at = end
  }
  return Buffer.concat([...parts, text.subarray(at)])
}

interface Span {
  readonly start: number
  readonly end: number
}

/** Where the content of strings begins and ends, and where escapes do; each in order. */
interface Strings {
  readonly spans: readonly Span[]
  readonly escapes: readonly Span[]
}

const quote = 0x22
const backslash = 0x5c
const letterU = 0x75

function stringsOf(json: Buffer): Strings {
  const spans: Span[] = []
  const escapes: Span[] = []
  for (let at = json.indexOf(quote); at >= 0; at = json.indexOf(quote, at)) {
    const start = at + 1
    at = start
    while (json[at] !== quote) {
      if (json[at] !== backslash) at += 1
      else {
        const end = at + (json[at + 1] === letterU ? 6 : 2)
        escapes.push({ start: at, end })
        at = end
      }
    }
    spans.push({ start, end: at })
    at += 1
  }
  return { spans, escapes }
}

function inJson(json: Buffer, { spans, escapes }: Strings, { start, end, label }: Cut): Replacement {
  const isInString = (at: number): boolean => spanAround(spans, at) !== undefined
  const by = JSON.stringify(label)
  if (isInString(start) && isInString(end - 1)) {
    const from = spanAround(escapes, start)?.start ?? start
    const until = spanAround(escapes, end - 1)?.end ?? end
    return { start: from, end: until, by: by.slice(1, -1) }
  }
  // A number, a literal, or JSON that is itself the value: a string takes its place.
  let [from, until] = [start, end]
  while (isBare(json[from]) && isBare(json[from - 1])) from -= 1
  while (isBare(json[until - 1]) && isBare(json[until])) until += 1
  return { start: from, end: until, by }
}

/** The one that has a byte in it. */
function spanAround(spans: readonly Span[], at: number): Span | undefined {
  const span = spans[countUntil(spans, ({ start }) => start <= at) - 1]
  return span !== undefined && at < span.end ? span : undefined
}

/** Whether a byte may be part of a number or of a literal. */
function isBare(byte: number | undefined): boolean {
  return byte !== undefined && /[-+.0-9A-Za-z]/.test(String.fromCharCode(byte))
}

/** A line in place of one from which nothing can be cut without breaking it: all that it said is gone but its level. */
function instead(parsed: unknown, cuts: readonly Cut[]): Buffer {
  const level: unknown =
    typeof parsed === 'object' && parsed !== null ? Reflect.get(parsed, 'level') : undefined
  const known = ['trace', 'debug', 'info', 'warn', 'error', 'fatal'].find((name) => name === level)
  const msg = [...new Set(cuts.map(({ label }) => label))].join(' ')
  return Buffer.from(`${JSON.stringify({ ...(known === undefined ? {} : { level: known }), msg })}\n`)
}

function parse(text: string): { readonly value: unknown } | undefined {
  try {
    return { value: JSON.parse(text) }
  } catch {
    return undefined
  }
}
