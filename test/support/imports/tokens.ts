/**
 * A scanner for TypeScript that knows just enough to find imports: it tells code from comments, strings, templates and
 * regular expressions. TypeScript 7 has no compiler API that a test could ask instead.
 */
export type Token =
  | { readonly kind: 'word'; readonly text: string; readonly at: number }
  | { readonly kind: 'mark'; readonly text: string; readonly at: number }
  /** A string, or a template without substitutions: `text` is what stands between the quotes, as written. */
  | { readonly kind: 'string'; readonly text: string; readonly at: number }
  /** Anything else that is a value: a number, a regular expression, a template with substitutions. */
  | { readonly kind: 'value'; readonly text: string; readonly at: number }

/** After these words a slash begins a regular expression; after any other word it divides. */
const beforeExpression = new Set(
  'return typeof case in of do else void delete throw new instanceof await yield extends default'.split(' '),
)

const word = /[\p{ID_Start}$_#][\p{ID_Continue}$\u200c\u200d]*/uy
const number = /\d[\w.]*/y

/**
 * The tokens of a source file; what stands inside of a template's `${…}` comes as tokens of its own, after it.
 * @throws where a string, template, comment or regular expression does not end
 */
export function tokensOf(source: string): Token[] {
  const tokens: Token[] = []
  let at = 0
  while (at < source.length) {
    const char = source.charAt(at)
    const next = source.charAt(at + 1)
    if (/\s/.test(char)) at += 1
    else if (char === '/' && next === '/') at = endOfLine(source, at)
    else if (char === '#' && next === '!' && at === 0) at = endOfLine(source, at)
    else if (char === '/' && next === '*') at = after(source, '*/', at + 2)
    else if (char === "'" || char === '"') {
      const end = endOfString(source, at)
      tokens.push({ kind: 'string', text: source.slice(at + 1, end - 1), at })
      at = end
    } else if (char === '`') {
      const { end, inner } = template(source, at)
      tokens.push(
        { kind: inner.length === 0 ? 'string' : 'value', text: source.slice(at + 1, end - 1), at },
        ...inner,
      )
      at = end
    } else if (char === '/' && beginsExpression(tokens.at(-1))) {
      const end = endOfRegExp(source, at)
      tokens.push({ kind: 'value', text: source.slice(at, end), at })
      at = end
    } else {
      const token = wordAt(source, at)
      tokens.push(token)
      at += token.text.length
    }
  }
  return tokens
}

function wordAt(source: string, at: number): Token {
  for (const [kind, pattern] of [
    ['word', word],
    ['value', number],
  ] as const) {
    pattern.lastIndex = at
    const text = pattern.exec(source)?.[0]
    if (text !== undefined) return { kind, text, at }
  }
  return { kind: 'mark', text: source.charAt(at), at }
}

function beginsExpression(before: Token | undefined): boolean {
  if (before === undefined) return true
  if (before.kind === 'word') return beforeExpression.has(before.text)
  return before.kind === 'mark' && !')]}'.includes(before.text)
}

function endOfLine(source: string, at: number): number {
  const end = source.indexOf('\n', at)
  return end === -1 ? source.length : end
}

function after(source: string, mark: string, at: number): number {
  const found = source.indexOf(mark, at)
  if (found === -1) throw new Error(`"${mark}" is missing after position ${at}`)
  return found + mark.length
}

function endOfString(source: string, start: number): number {
  const quote = source.charAt(start)
  for (let at = start + 1; at < source.length; at += 1) {
    const char = source.charAt(at)
    if (char === '\\') at += 1
    else if (char === quote) return at + 1
    else if (char === '\n') break
  }
  throw new Error(`the string at position ${start} does not end`)
}

function endOfRegExp(source: string, start: number): number {
  let inClass = false
  for (let at = start + 1; at < source.length; at += 1) {
    const char = source.charAt(at)
    if (char === '\\') at += 1
    else if (char === '[') inClass = true
    else if (char === ']') inClass = false
    else if (char === '/' && !inClass) return at + 1
    else if (char === '\n') break
  }
  throw new Error(`the regular expression at position ${start} does not end`)
}

function template(source: string, start: number): { end: number; inner: Token[] } {
  const inner: Token[] = []
  let at = start + 1
  while (at < source.length) {
    const char = source.charAt(at)
    if (char === '`') return { end: at + 1, inner }
    if (char === '$' && source.charAt(at + 1) === '{') {
      const end = endOfSubstitution(source, at + 2)
      const offset = at + 2
      // A mark that no code contains, so that an empty substitution still makes the template no plain string.
      inner.push({ kind: 'mark', text: '${', at })
      for (const token of tokensOf(source.slice(offset, end))) inner.push({ ...token, at: token.at + offset })
      at = end + 1
    } else {
      at += char === '\\' ? 2 : 1
    }
  }
  throw new Error(`the template at position ${start} does not end`)
}

/** The position of the brace that closes `${`; braces in strings, templates and comments in between do not count. */
function endOfSubstitution(source: string, start: number): number {
  let depth = 0
  let at = start
  while (at < source.length) {
    const char = source.charAt(at)
    const next = source.charAt(at + 1)
    if (char === '}' && depth === 0) return at
    if (char === '{') depth += 1
    if (char === '}') depth -= 1
    if (char === "'" || char === '"') at = endOfString(source, at)
    else if (char === '`') at = template(source, at).end
    else if (char === '/' && next === '/') at = endOfLine(source, at)
    else if (char === '/' && next === '*') at = after(source, '*/', at + 2)
    else at += 1
  }
  throw new Error(`the substitution at position ${start} does not end`)
}
