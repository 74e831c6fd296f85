import { callerHelp, callerOptions, createClient, explainProblem } from './client.ts'
import type { Command } from './command.ts'
import { exitCodes, parse } from './command.ts'

export const command: Command = {
  help: `sidekeep quit

Asks a running sidecar to end, in order, as SIGTERM does: for a Job that is done. Takes the right "control",
which no caller has unless its rights name it. Does not wait for the end.

${callerHelp}

Exit codes: 0 it is stopping, 1 refused, 69 no sidecar answers, 77 not allowed, 78 wrong usage.`,
  async run(args) {
    const { values } = parse('quit', args, callerOptions)
    const answer = await createClient(values).post('/quitquitquit')
    return answer.status === 202 ? exitCodes.ok : explainProblem(answer)
  },
}
