import { version } from '../version.ts'
import type { Command } from './command.ts'
import { exitCodes, parse, print } from './command.ts'

export const command: Command = {
  help: 'sidekeep version\n\nPrints the version of Sidekeep and of the Node that runs it.',
  async run(args) {
    parse('version', args, {})
    print(`sidekeep ${version} (Node ${process.version})`)
    return exitCodes.ok
  },
}
