import { CodedError } from '../errors.ts'
import { askHealth } from './client/health.ts'
import { apiHelp, apiOptions } from './client.ts'
import type { Command } from './command.ts'
import { exitCodes, parse, print, printError } from './command.ts'

const probes = ['livez', 'startupz', 'readyz']
/** The kubelet gives an exec probe one second by default; an answer later than this is none, in milliseconds. */
const probeTimeout = 900

export const command: Command = {
  help: `sidekeep probe [livez|startupz|readyz]

Asks a running sidecar: readyz by default. Prints what it says.

${apiHelp}

Exit codes: 0 yes, 1 no, 69 no sidecar answers, 78 wrong usage.`,
  async run(args) {
    const { values, positionals } = parse('probe', args, apiOptions, 1)
    const [probe = 'readyz'] = positionals
    if (!probes.includes(probe)) {
      throw new CodedError('SIDEKEEP_USAGE', [
        `There is no probe "${probe}"; expected one of ${probes.join(', ')}.`,
      ])
    }
    const { passed, text } = await askHealth(values, probe, probeTimeout)
    if (passed) {
      print(text)
      return exitCodes.ok
    }
    printError(text)
    return exitCodes.failed
  },
}
