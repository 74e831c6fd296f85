import { Malformed } from '../shared/malformed.ts'

/** `NAME=`, with the optional `export` of a shell. */
const assignment = /^(?:export[ \t]+)?([\p{L}\p{M}_][\p{L}\p{M}\p{N}_.-]*)[ \t]*=[ \t]*/u

const escapes: Readonly<Record<string, string>> = { n: '\n', r: '\r', t: '\t', '"': '"', '\\': '\\', $: '$' }

/**
 * Parses a dotenv file: `NAME=value` lines, `#` comments, an optional `export`. `'…'` is literal; `"…"` knows the
 * escapes `\n \r \t \" \\ \$`; both may span lines. An unquoted value ends at ` #` and loses the white space around
 * it. Nothing is interpolated: `$` in a password stays a `$`. A name given twice is an error, since nobody can say which
 * one is meant. Throws `Malformed` with the line's number, and never its text.
 */
export function parseDotenv(text: string): Map<string, string> {
  const values = new Map<string, string>()
  let line = 1
  for (let at = 0; at < text.length; ) {
    const end = endOfLine(text, at)
    const current = text.slice(at, end)
    const indent = current.length - current.trimStart().length
    const head = assignment.exec(current.trimStart())
    const next =
      head === null ? skipped(current, line, end) : valueAt(text, at + indent + head[0].length, line)
    const name = head?.[1]
    if (name !== undefined && next.value !== undefined) {
      if (values.has(name)) throw new Malformed(`line ${line} gives a name a second time`)
      values.set(name, next.value)
    }
    line += lineBreaks(text.slice(at, next.end + 1))
    at = next.end + 1
  }
  return values
}

interface Parsed {
  readonly value: string | undefined
  /** The position of the line break that ends it, or the end of the text. */
  readonly end: number
}

/** A line without an assignment: nothing but white space or a comment. */
function skipped(current: string, line: number, end: number): Parsed {
  if (!/^\s*(?:#.*)?$/.test(current)) throw new Malformed(`line ${line} is not NAME=value`)
  return { value: undefined, end }
}

function valueAt(text: string, start: number, line: number): Parsed {
  const quote = text[start]
  if (quote !== '"' && quote !== "'") {
    const end = endOfLine(text, start)
    return {
      value: text
        .slice(start, end)
        .replace(/(?:^|[ \t])#.*$/, '')
        .trim(),
      end,
    }
  }
  const close = closing(text, start, quote)
  if (close === undefined) throw new Malformed(`the quote that opens in line ${line} is not closed`)
  const end = endOfLine(text, close)
  if (!/^\s*(?:#.*)?$/.test(text.slice(close + 1, end))) {
    throw new Malformed(`there is text after the quotes of line ${line}`)
  }
  const inner = text.slice(start + 1, close)
  return { value: quote === '"' ? unescaped(inner) : inner, end }
}

/** The position of the quote that closes the one at `start`. */
function closing(text: string, start: number, quote: string): number | undefined {
  for (let at = start + 1; at < text.length; at++) {
    if (text[at] === quote) return at
    if (quote === '"' && text[at] === '\\') at++
  }
  return undefined
}

/** An escape that is not known stays as it is written, with its backslash. */
function unescaped(inner: string): string {
  return inner.replace(/\\(.)/gs, (written, letter: string) => escapes[letter] ?? written)
}

function endOfLine(text: string, from: number): number {
  const at = text.indexOf('\n', from)
  return at === -1 ? text.length : at
}

function lineBreaks(text: string): number {
  return text.split('\n').length - 1
}
