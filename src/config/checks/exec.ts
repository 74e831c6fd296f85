/** What the options of a provider that runs a program mean for each other. */
import { basename } from 'node:path'
import { atValue } from '../issues.ts'
import type { Path } from '../problems.ts'
import type { Raw } from '../raw.ts'
import { keyPlaceholder } from '../schema/url.ts'
import type { Config, ProviderConfig } from '../schema.ts'
import type { Crossing } from './finding.ts'

type Exec = Extract<ProviderConfig, { type: 'exec' }>

/** Programs that take a text for a program of their own after such an option. */
const interpreters = /^(?:sh|bash|dash|ash|zsh|ksh|mksh|fish|busybox|su|python[\d.]*|perl|ruby|node|php|lua)$/
const takesCode = /^(?:-[A-Za-z]*[ceE]|--(?:command|eval|print))$/
const holdsCode = /^(?:-[A-Za-z]*[eE]|--(?:command|eval|print)=)./s

export function execProblems(config: Config, raw: Raw): Crossing[] {
  return Object.entries(config.providers).flatMap(([name, provider]) =>
    provider.type === 'exec' ? problemsOf(['providers', name], provider, raw) : [],
  )
}

function problemsOf(at: Path, provider: Exec, raw: Raw): Crossing[] {
  const { command, format, exitCodes = {} } = provider
  const problems: Crossing[] = []
  const wrong = (path: Path, expected: string): void => {
    problems.push({ problem: atValue(path, expected, raw), about: [path, [...at, 'command']] })
  }
  const code = command.findIndex((part, index) => part.includes(keyPlaceholder) && isCode(command, index))
  if (code >= 0) {
    const remedy = `[sh, -c, 'program -- "$1"', sh, "{key}"]`
    wrong(
      [...at, 'command', code],
      `a script without ${keyPlaceholder}, since a key would be read as code there: hand it over as an argument, as in ${remedy}`,
    )
  }
  if (command.some((part) => part.includes(keyPlaceholder))) return problems
  if (format === 'raw') {
    wrong(
      [...at, 'format'],
      `json, or ${keyPlaceholder} in an argument of command: raw output is one value, and without ${keyPlaceholder} one run has to bring all, by name`,
    )
  }
  for (const [exitCode, meaning] of Object.entries(exitCodes)) {
    if (meaning !== 'missing') continue
    wrong(
      [...at, 'exitCodes', exitCode],
      `denied, throttled or unavailable: command has no ${keyPlaceholder}, and what is missing from a list is told by the list`,
    )
  }
  return problems
}

/** Whether the argument is what an interpreter would run. */
function isCode(command: readonly string[], index: number): boolean {
  const before = command.slice(0, index)
  if (!before.some((part) => interpreters.test(basename(part)))) return false
  return takesCode.test(before.at(-1) ?? '') || holdsCode.test(command[index] ?? '')
}
