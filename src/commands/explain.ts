import { CodedError } from '../errors.ts'
import { callerHelp, callerOptions, createClient, explainProblem, namePath } from './client.ts'
import type { Command } from './command.ts'
import { exitCodes, parse, print } from './command.ts'
import { describe } from './explain/describe.ts'
import type { Explained } from './explain/explained.ts'
import { inPlainWords } from './explain/plain-words.ts'

export const command: Command = {
  help: `sidekeep explain NAME [--json]

Says why a secret of a running sidecar is as it is and what happens next: its rule, provider and version, its age,
the last success and the last failure, the next attempt, who waits for it. Never the value.

  --json          the answer of the API as it is
${callerHelp}

Exit codes: 0 explained, 1 no such secret, 69 no sidecar answers, 77 not allowed,
78 wrong usage.`,
  async run(args) {
    const { values, positionals } = parse('explain', args, { ...callerOptions, json: { type: 'boolean' } }, 1)
    const [name] = positionals
    if (name === undefined) {
      throw new CodedError('SIDEKEEP_USAGE', ['Name a secret. See "sidekeep explain --help".'])
    }
    const answer = await createClient(values).get(namePath('/v1/explain', name))
    if (answer.status !== 200) return explainProblem(answer)
    const text = answer.body.toString('utf8')
    if (values.json === true) {
      print(text)
      return exitCodes.ok
    }
    const explained = JSON.parse(text) as Explained
    const now = Date.now()
    print(`${inPlainWords(explained, now)}\n\n${describe(explained, now)}`)
    return exitCodes.ok
  },
}
