import { type Token, tokensOf } from './tokens.ts'

export interface Import {
  /** What stands between the quotes; undefined where a dynamic import computes it. */
  readonly specifier: string | undefined
  /** `require` never belongs in our sources; it is found so that a rule can say so. */
  readonly form: 'static' | 'dynamic' | 'require'
  /** Starting at 1. */
  readonly line: number
}

/** Every import of a source file: static, `import type`, re-exports, dynamic (in types too), and `require`. */
export function importsOf(source: string): Import[] {
  const tokens = tokensOf(source)
  const found: Import[] = []
  const add = (form: Import['form'], specifier: string | undefined, at: number): void => {
    found.push({ form, specifier, line: source.slice(0, at).split('\n').length })
  }
  for (const [index, token] of tokens.entries()) {
    if (token.kind !== 'word' || isMember(tokens, index)) continue
    const next = tokens[index + 1]
    if (token.text === 'import') {
      if (isMark(next, '(')) add('dynamic', literalArgument(tokens, index + 2), token.at)
      else if (next?.kind === 'string') add('static', next.text, token.at)
      else if (!isMark(next, '.') && !isMark(next, ':')) {
        const specifier = fromClause(tokens, index + 1)
        if (specifier !== undefined) add('static', specifier, token.at)
      }
    } else if (token.text === 'export') {
      const first = next?.kind === 'word' && next.text === 'type' ? tokens[index + 2] : next
      if (isMark(first, '*') || isMark(first, '{')) {
        const specifier = fromClause(tokens, index + 1)
        if (specifier !== undefined) add('static', specifier, token.at)
      }
    } else if (token.text === 'require' && isMark(next, '(')) {
      add('require', literalArgument(tokens, index + 2), token.at)
    }
  }
  return found
}

/** True for `x.import` and the like, which is a name and no keyword; a spread's dots do not count. */
function isMember(tokens: readonly Token[], index: number): boolean {
  return isMark(tokens[index - 1], '.') && !(isMark(tokens[index - 2], '.') && isMark(tokens[index - 3], '.'))
}

function isMark(token: Token | undefined, text: string): boolean {
  return token?.kind === 'mark' && token.text === text
}

/** A call's first argument where it is a literal and nothing is done with it. */
function literalArgument(tokens: readonly Token[], index: number): string | undefined {
  const argument = tokens[index]
  const end = tokens[index + 1]
  return argument?.kind === 'string' && (isMark(end, ')') || isMark(end, ',')) ? argument.text : undefined
}

/**
 * The specifier after `from`, past the names of an import or export clause. Undefined where the clause ends without
 * one, as `export { a }` does.
 */
function fromClause(tokens: readonly Token[], start: number): string | undefined {
  let depth = 0
  for (let index = start; index < tokens.length; index += 1) {
    const token = tokens[index]
    if (token === undefined) return undefined
    if (isMark(token, '{')) depth += 1
    else if (isMark(token, '}')) depth -= 1
    else if (depth === 0) {
      const next = tokens[index + 1]
      if (token.kind === 'word' && token.text === 'from' && next?.kind === 'string') return next.text
      // Only names, `*`, `as`, `type` and commas stand in a clause outside of braces.
      if (token.kind !== 'word' && !isMark(token, '*') && !isMark(token, ',')) return undefined
      if (index > start && (token.text === 'export' || token.text === 'import')) return undefined
    }
  }
  return undefined
}
