/** What is wrong with the names of secrets in a template or a list, told without the text around them. */
import { globOf } from '../../secrets/glob.ts'
import { isPattern } from '../../secrets/rules.ts'
import { parseTemplate, TemplateError } from '../../secrets/template/parse.ts'
import type { Template } from '../../secrets/template/template.ts'
import { nearMiss } from '../near-miss.ts'
import { type Path, type Problem, quote } from '../problems.ts'
import { pathKey, type Raw } from '../raw.ts'
import type { Config } from '../schema.ts'
import type { Crossing } from './finding.ts'

export function parsedOf(text: string): Template | TemplateError {
  try {
    return parseTemplate(text)
  } catch (error) {
    if (error instanceof TemplateError) return error
    throw error
  }
}

export function grammarProblem(path: Path, error: TemplateError, raw: Raw): Crossing {
  const { position, expected, got, choices } = error
  return atName(path, `at character ${position}, ${expected}`, raw, got, choices)
}

/**
 * A name has to have a rule of its own.
 *
 * @param self the name of the rule that names it, which is no suggestion
 */
export function ownRuleProblems(
  path: Path,
  name: string,
  { secrets }: Pick<Config, 'secrets'>,
  raw: Raw,
  self?: string,
): Crossing[] {
  if (Object.hasOwn(secrets, name) && !isPattern(name)) return []
  const rules = Object.keys(secrets)
  const isCovered = rules.some((rule) => isPattern(rule) && globOf(rule)(name))
  const expected = isCovered
    ? 'names of secrets that have a rule of their own: only a pattern covers this one'
    : 'names of secrets that have a rule'
  const declared = rules.filter((rule) => !isPattern(rule) && rule !== self)
  return [atName(path, expected, raw, name, declared)]
}

/** A problem with a word at the path, or with the whole of it; of the value nothing else is repeated. */
export function atName(
  path: Path,
  expected: string,
  raw: Raw,
  got?: string,
  choices: readonly string[] = [],
): Crossing {
  // What came from a variable of the environment is not repeated.
  const shown = raw.templates.has(pathKey(path)) ? undefined : got
  const suggestion = shown === undefined ? undefined : nearMiss(shown, choices)
  const problem: Problem = {
    path,
    ...raw.locate(path, 'value'),
    expected,
    ...(shown === undefined ? {} : { got: quote(shown) }),
    ...(suggestion === undefined ? {} : { suggestion }),
  }
  return { problem, about: [path] }
}
