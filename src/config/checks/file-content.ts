/** Which secrets a file is made of. */
import { globOf } from '../../secrets/glob.ts'
import { isPattern } from '../../secrets/rules.ts'
import { TemplateError } from '../../secrets/template/parse.ts'
import { atKey, atValue } from '../issues.ts'
import { nearMiss } from '../near-miss.ts'
import { formatPath, type Path, quote } from '../problems.ts'
import type { Raw } from '../raw.ts'
import type { Config, FileConfig } from '../schema.ts'
import { keyFindings } from './file-keys.ts'
import { type Crossing, type Findings, isWritten, shortList } from './finding.ts'
import { atName, grammarProblem, ownRuleProblems, parsedOf } from './named-secrets.ts'
import type { RuleNames } from './rule-names.ts'

export function contentFindings(
  at: Path,
  file: FileConfig,
  config: Config,
  rules: RuleNames,
  raw: Raw,
): Findings {
  const options = optionProblems(at, file, raw)
  if (file.format === 'template')
    return { problems: [...options, ...templateProblems(at, file, config, raw)], warnings: idle(at, file) }
  const { secrets = [] } = file
  const keys = file.format === 'raw' ? { problems: [], warnings: idle(at, file) } : keyFindings(at, file, raw)
  return {
    problems: [
      ...options,
      ...listProblems(at, file, config, raw),
      ...strayKeyProblems(at, file, config, raw),
      ...keys.problems,
    ],
    warnings: [...strangerWarnings(at, secrets, config, rules), ...keys.warnings],
  }
}

/** `secrets` and `template` exclude each other; which of them is needed, the format says. */
function optionProblems(at: Path, { format }: FileConfig, raw: Raw): Crossing[] {
  const [secrets, template, byFormat] = ['secrets', 'template', 'format'].map((option) => [...at, option])
  if (secrets === undefined || template === undefined || byFormat === undefined) return []
  const isTemplate = format === 'template'
  const [needed, idle] = isTemplate ? [template, secrets] : [secrets, template]
  const problems: Crossing[] = []
  if (!isWritten(raw, needed)) {
    const expected = isTemplate
      ? 'a text with the names of secrets in {{ }}, since the format is template'
      : 'a list of the names and patterns of the secrets to write'
    problems.push({ problem: atValue(needed, expected, raw), about: [needed, byFormat] })
  }
  if (isWritten(raw, idle)) {
    const expected = isTemplate
      ? 'nothing of that with the format template: the template itself names the secrets'
      : 'nothing of that but with the format template'
    problems.push({ problem: atKey(idle, expected, raw), about: [idle, byFormat] })
  }
  return problems
}

function templateProblems(at: Path, { template }: FileConfig, config: Config, raw: Raw): Crossing[] {
  if (template === undefined) return []
  const path = [...at, 'template']
  const parsed = parsedOf(template)
  if (parsed instanceof TemplateError) return [grammarProblem(path, parsed, raw)]
  if (parsed.names.length === 0)
    return [atName(path, 'the name of a secret in {{ }}: a text without one needs no sidecar', raw)]
  return parsed.names.flatMap((name) => ownRuleProblems(path, name, config, raw))
}

function idle(at: Path, { format, keys }: FileConfig): string[] {
  if (keys === undefined) return []
  return [`${formatPath([...at, 'keys'])} has no effect: the format ${format} writes no names.`]
}

function listProblems(at: Path, { format, secrets }: FileConfig, config: Config, raw: Raw): Crossing[] {
  if (secrets === undefined) return []
  const list = [...at, 'secrets']
  const first = new Map<string, number>()
  const problems = secrets.flatMap((entry, index): Crossing[] => {
    const path = [...list, index]
    if (first.has(entry)) return [{ problem: atValue(path, 'each name once', raw), about: [path] }]
    first.set(entry, index)
    return isPattern(entry) ? [] : ownRuleProblems(path, entry, config, raw)
  })
  if (format === 'raw' && (secrets.length !== 1 || secrets.some(isPattern))) {
    const expected = 'exactly one name and no pattern, since raw is the bytes of one secret'
    problems.push({ problem: atValue(list, expected, raw), about: [list, [...at, 'format']] })
  }
  return problems
}

/** One warning a list. */
function strangerWarnings(at: Path, secrets: readonly string[], config: Config, rules: RuleNames): string[] {
  // That there are no secrets at all is told elsewhere.
  if (Object.keys(config.secrets).length === 0) return []
  const strangers = secrets.filter((entry) => isPattern(entry) && !rules.mayMatch(entry))
  if (strangers.length === 0) return []
  const option = formatPath([...at, 'secrets'])
  return [`${option} has patterns that no rule of secrets can match: ${shortList(strangers.map(quote))}.`]
}

/** A misspelt name would leave the secret called what it should not be. */
function strayKeyProblems(
  at: Path,
  { secrets, keys = {} }: FileConfig,
  config: Config,
  raw: Raw,
): Crossing[] {
  if (secrets === undefined) return []
  const names = secrets.filter((entry) => !isPattern(entry))
  const listed = new Set(names)
  const patterns = secrets.filter(isPattern).map(globOf)
  return Object.keys(keys).flatMap((name): Crossing[] => {
    if (listed.has(name) || (!isPattern(name) && patterns.some((matches) => matches(name)))) return []
    const path = [...at, 'keys', name]
    const problem = atKey(path, `names of secrets that ${formatPath([...at, 'secrets'])} names`, raw)
    // A name of the list may have come from a variable of the environment; those of rules are written in the file.
    const suggestion = nearMiss(
      name,
      names.filter((other) => Object.hasOwn(config.secrets, other)),
    )
    return [
      {
        problem: suggestion === undefined ? problem : { ...problem, suggestion },
        about: [path, [...at, 'secrets']],
      },
    ]
  })
}
