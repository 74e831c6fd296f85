import { CodedError } from '../errors.ts'
import { callerHelp, callerOptions, createClient, explainProblem, secretPath } from './client.ts'
import type { Command } from './command.ts'
import { exitCodes, parse, printError } from './command.ts'

export const command: Command = {
  help: `sidekeep get NAME [--raw] [--field FIELD] [--json]

Prints the value of a secret that a running sidecar holds, and a newline.

  --raw           exactly the bytes of the value, and nothing else
  --field FIELD   one field of a JSON value: a member's name, or a JSON Pointer such as /db/password
  --json          the whole answer: name, value, version, fetchedAt, state
${callerHelp}

Exit codes: 0 printed, 1 no such secret or field, 69 not available (no sidecar, not loaded, expired),
77 not allowed, 78 wrong usage.`,
  async run(args) {
    const { values, positionals } = parse(
      'get',
      args,
      { ...callerOptions, raw: { type: 'boolean' }, field: { type: 'string' }, json: { type: 'boolean' } },
      1,
    )
    const [name] = positionals
    if (name === undefined)
      throw new CodedError('SIDEKEEP_USAGE', ['Name a secret. See "sidekeep get --help".'])
    const query = new URLSearchParams()
    if (values.json !== true) query.set('format', 'raw')
    if (values.field !== undefined) query.set('field', values.field)
    const search = query.size > 0 ? `?${query}` : ''
    const answer = await createClient(values).get(`${secretPath(name)}${search}`)
    if (answer.status !== 200) return explainProblem(answer)
    if (answer.headers['sidekeep-state'] === 'stale') printError('sidekeep: this value is stale')
    process.stdout.write(answer.body)
    if (values.raw !== true) process.stdout.write('\n')
    return exitCodes.ok
  },
}
