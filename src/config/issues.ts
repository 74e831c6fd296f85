/** From what the schema says to problems that people can act on. */
import type * as z from 'zod/mini'
import { nearMiss } from './near-miss.ts'
import { describeValue, isSensitive, type Path, type Problem, quote } from './problems.ts'
import { pathKey, type Raw, valueAt } from './raw.ts'
import { knownKeys } from './schema/option.ts'

type Issue = z.core.$ZodIssue

/** One issue of the schema can be several problems: one for each unknown key. */
export function problemsOf(issue: Issue, raw: Raw): Problem[] {
  const path = issue.path.map((step) => (typeof step === 'symbol' ? String(step) : step))
  switch (issue.code) {
    case 'unrecognized_keys':
      return issue.keys.map((key) => unknownKey([...path, key], issue.message, raw))
    case 'invalid_key':
      return [atKey(path, issue.issues[0]?.message ?? 'another name', raw)]
    case 'invalid_value':
      return [atValue(path, alternatives(issue.values), raw, issue.values)]
    case 'invalid_union': {
      const meant = meantBy(issue, path, raw)
      return meant?.flatMap((inner) => problemsOf(inner, raw)) ?? [ofUnion(issue, path, raw)]
    }
    default:
      return [atValue(path, issue.message, raw)]
  }
}

/** A problem with the value at the path, or with its absence. */
export function atValue(path: Path, expected: string, raw: Raw, choices: readonly unknown[] = []): Problem {
  const value = valueAt(raw.value, path)
  const quotable = typeof value === 'string' && mayShow(path, raw)
  const names = choices.filter((choice) => typeof choice === 'string')
  return {
    path,
    ...raw.locate(path, 'value'),
    expected,
    got: gotText(value, path, raw),
    ...suggest(quotable ? nearMiss(value, names) : undefined),
  }
}

/** A problem with the name of a key. Names are no values: they may be shown. */
export function atKey(path: Path, expected: string, raw: Raw): Problem {
  return { path, ...raw.locate(path, 'key'), expected, got: quote(String(path.at(-1))) }
}

function unknownKey(path: Path, message: string, raw: Raw): Problem {
  const key = String(path.at(-1))
  return {
    ...atKey(path, message, raw),
    got: `the unknown key ${quote(key)}`,
    ...suggest(nearMiss(key, knownKeys(message))),
  }
}

function ofUnion(issue: Extract<Issue, { code: 'invalid_union' }>, path: Path, raw: Raw): Problem {
  // Without options it is no discriminated union: its own text names all alternatives.
  if (!('options' in issue) || issue.options === undefined) return atValue(path, issue.message, raw)
  return atValue(path, alternatives(issue.options), raw, issue.options)
}

/**
 * Where a mapping stands and one alternative alone is a mapping, that is the one which was meant: what is wrong in it says
 * more than the names of all alternatives.
 */
function meantBy(
  issue: Extract<Issue, { code: 'invalid_union' }>,
  path: Path,
  raw: Raw,
): Issue[] | undefined {
  if (('options' in issue && issue.options !== undefined) || !isMapping(valueAt(raw.value, path)))
    return undefined
  const mappings = issue.errors.filter(
    (errors) => !errors.some(({ code, path: at }) => code === 'invalid_type' && at.length === 0),
  )
  if (mappings.length !== 1) return undefined
  return mappings[0]?.map((inner) => ({ ...inner, path: [...issue.path, ...inner.path] }))
}

function isMapping(value: unknown): boolean {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

function gotText(value: unknown, path: Path, raw: Raw): string {
  const collection = typeof value === 'object' || value === undefined
  if (isSensitive(path) && !collection) return 'something else'
  const template = raw.templates.get(pathKey(path))
  return template === undefined ? describeValue(value) : quote(template)
}

function mayShow(path: Path, raw: Raw): boolean {
  return !isSensitive(path) && !raw.templates.has(pathKey(path))
}

function alternatives(values: readonly unknown[]): string {
  const texts = values.map((value) => (typeof value === 'string' ? quote(value) : String(value)))
  return texts.length > 1 ? `one of ${texts.join(', ')}` : texts.join('')
}

function suggest(suggestion: string | undefined): { suggestion?: string } {
  return suggestion === undefined ? {} : { suggestion }
}
