/** What the options of a provider that runs a program mean for each other. */
import { atValue } from '../issues.ts'
import type { Path } from '../problems.ts'
import type { Raw } from '../raw.ts'
import { keyPlaceholder } from '../schema/url.ts'
import type { Config, ProviderConfig } from '../schema.ts'
import { codeArgument } from './exec-code.ts'
import type { Crossing } from './finding.ts'

type Exec = Extract<ProviderConfig, { type: 'exec' }>

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
  const code = codeArgument(command)
  if (code !== undefined) {
    const remedy = `[sh, -c, 'program -- "$1"', sh, "{key}"]`
    wrong(
      [...at, 'command', code],
      `no ${keyPlaceholder} where a program that runs others may read it as code: hand it over as an argument of its own, after the script, as in ${remedy}`,
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
