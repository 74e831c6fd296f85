import { callerHelp, callerOptions, createClient, explainProblem } from './client.ts'
import type { Command } from './command.ts'
import { exitCodes, parse, print } from './command.ts'

interface Listed {
  readonly name: string
  readonly provider: string | null
  readonly version: string | null
  readonly state: string
  readonly ageSeconds: number | null
  readonly required: boolean
}

export const command: Command = {
  help: `sidekeep list [--prefix PREFIX] [--json]

Lists the secrets of a running sidecar: name, provider, state, version and age. Never a value.

  --prefix PREFIX   only names that begin so
  --json            the answer of the API as it is
${callerHelp}

Exit codes: 0 listed, 1 refused, 69 no sidecar answers, 77 not allowed, 78 wrong usage.`,
  async run(args) {
    const { values } = parse('list', args, {
      ...callerOptions,
      prefix: { type: 'string' },
      json: { type: 'boolean' },
    })
    const query = values.prefix === undefined ? '' : `?${new URLSearchParams({ prefix: values.prefix })}`
    const answer = await createClient(values).get(`/v1/secrets${query}`)
    if (answer.status !== 200) return explainProblem(answer)
    const text = answer.body.toString('utf8')
    if (values.json === true) {
      print(text)
      return exitCodes.ok
    }
    const { secrets } = JSON.parse(text) as { secrets: Listed[] }
    const rows = secrets.map((secret) => [
      secret.name,
      secret.provider ?? '-',
      secret.required ? `${secret.state} (required)` : secret.state,
      secret.version ?? '-',
      secret.ageSeconds === null ? '-' : `${secret.ageSeconds} s`,
    ])
    print(table([['NAME', 'PROVIDER', 'STATE', 'VERSION', 'AGE'], ...rows]))
    return exitCodes.ok
  },
}

function table(rows: readonly (readonly string[])[]): string {
  const widths = rows[0]?.map((_, column) => Math.max(...rows.map((row) => row[column]?.length ?? 0))) ?? []
  return rows
    .map((row) =>
      row
        .map((cell, column) => cell.padEnd(widths[column] ?? 0))
        .join('  ')
        .trimEnd(),
    )
    .join('\n')
}
