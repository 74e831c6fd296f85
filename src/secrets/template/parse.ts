import { type FilterName, type FilterUse, filterNames, type Piece, type Template } from './template.ts'

/** What is wrong with a template. Its text is not part of it, but for the one word that is not understood. */
export class TemplateError extends Error {
  /** Counted from 1, in characters (UTF-16 code units, as editors count). */
  readonly position: number
  /** What would have been right. */
  readonly expected: string
  /** The word that stands there instead. */
  readonly got: string | undefined
  /** The words that may stand there, where they are few. */
  readonly choices: readonly string[]

  constructor(at: number, expected: string, got?: string, choices: readonly string[] = []) {
    super(`at character ${at + 1}: expected ${expected}`)
    this.name = 'TemplateError'
    this.position = at + 1
    this.expected = expected
    this.got = got
    this.choices = choices
  }
}

const opening = '{{'
const closing = '}}'
/** Stands for two braces that open nothing. */
const escaped = '{{{{'

/**
 * Parses a template. `{{ NAME }}` stands for the value of a secret, `{{ NAME | FILTER | FILTER ARGUMENT }}` for what the
 * filters make of it; a name or an argument with white space, `|`, `"`, `{` or `}` in it stands in quotes, where `\"` is a
 * quote and `\\` a backslash. `{{{{` is the text `{{`; everything else is text as it is, a `}}` alone too.
 *
 * @throws TemplateError
 */
export function parseTemplate(text: string): Template {
  const pieces: Piece[] = []
  const names = new Set<string>()
  let literal = ''
  let at = 0
  const flush = (): void => {
    if (literal !== '') pieces.push({ bytes: Buffer.from(literal, 'utf8') })
    literal = ''
  }
  for (;;) {
    const next = text.indexOf(opening, at)
    literal += text.slice(at, next < 0 ? text.length : next)
    if (next < 0) break
    if (text.startsWith(escaped, next)) {
      literal += opening
      at = next + escaped.length
    } else if (text[next + opening.length] === '{') {
      // Of three braces the last two open: no name begins with one.
      literal += '{'
      at = next + 1
    } else {
      flush()
      const reader = new PlaceholderReader(text, next + opening.length)
      const placeholder = reader.read()
      pieces.push(placeholder)
      names.add(placeholder.name)
      at = reader.at
    }
  }
  flush()
  return { pieces, names: [...names] }
}

/** A text as a template that renders to it. */
export function escapeTemplate(text: string): string {
  return text.replaceAll(opening, escaped)
}

const space = /[ \t\r\n]/
const bare = /[^ \t\r\n|"{}]/

/** Reads from behind the opening braces to behind the closing ones. */
class PlaceholderReader {
  readonly #text: string
  readonly #from: number
  at: number

  constructor(text: string, at: number) {
    this.#text = text
    this.#from = at - opening.length
    this.at = at
  }

  read(): { name: string; filters: FilterUse[] } {
    const name = this.#word('the name of a secret')
    const filters: FilterUse[] = []
    while (!this.#takes(closing)) {
      if (!this.#takes('|')) throw this.#unclosed()
      filters.push(this.#filter())
    }
    return { name, filters }
  }

  #filter(): FilterUse {
    this.#skip()
    const at = this.at
    const word = this.#word('the name of a filter')
    const filter = filterNames.find((each): each is FilterName => each === word)
    if (filter === undefined)
      throw new TemplateError(at, `a filter: one of ${filterNames.join(', ')}`, word, filterNames)
    if (filter !== 'field') {
      this.#skip()
      if (this.#isWord) throw new TemplateError(this.at, `"|" or "}}", since ${filter} takes no argument`)
      return { filter }
    }
    return { filter, argument: this.#word('the name of a member, or a JSON Pointer, after field') }
  }

  get #isWord(): boolean {
    const next = this.#text[this.at]
    return next !== undefined && (next === '"' || bare.test(next))
  }

  #word(expected: string): string {
    this.#skip()
    if (this.#text[this.at] === '"') return this.#quoted(expected)
    const from = this.at
    while (bare.test(this.#text[this.at] ?? ' ')) this.at += 1
    if (this.at > from) return this.#text.slice(from, this.at)
    if (this.at >= this.#text.length) throw this.#unclosed()
    throw new TemplateError(
      this.at,
      `${expected} (in quotes where it has other characters than letters and digits)`,
    )
  }

  #quoted(expected: string): string {
    const from = this.at
    let word = ''
    for (this.at += 1; this.at < this.#text.length; this.at += 1) {
      const character = this.#text[this.at]
      if (character === '"') {
        this.at += 1
        if (word === '') throw new TemplateError(from, expected)
        return word
      }
      if (character === '\\') {
        this.at += 1
        if (this.#text[this.at] !== '"' && this.#text[this.at] !== '\\')
          throw new TemplateError(this.at - 1, 'within quotes, "\\" only before a quote or a "\\"')
      }
      word += this.#text[this.at]
    }
    throw new TemplateError(from, 'a quote that ends what begins here')
  }

  #takes(token: string): boolean {
    this.#skip()
    if (!this.#text.startsWith(token, this.at)) return false
    this.at += token.length
    return true
  }

  #skip(): void {
    while (space.test(this.#text[this.at] ?? '|')) this.at += 1
  }

  #unclosed(): TemplateError {
    if (this.at < this.#text.length) return new TemplateError(this.at, '"|" and a filter, or "}}"')
    return new TemplateError(this.#from, '"}}" after the "{{" here (for two braces as they are, write four)')
  }
}
