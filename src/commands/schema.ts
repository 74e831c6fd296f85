import type { Command } from './command.ts'
import { exitCodes, parse, print } from './command.ts'

export const command: Command = {
  help: `sidekeep schema

Prints the JSON Schema (draft 2020-12) of the configuration file. For editors with a YAML language server:

  sidekeep schema > sidekeep.schema.json
  # yaml-language-server: $schema=sidekeep.schema.json   (as the first line of sidekeep.yaml)`,
  async run(args) {
    parse('schema', args, {})
    const { configJsonSchemaText } = await import('../config/json-schema.ts')
    print(configJsonSchemaText().trimEnd())
    return exitCodes.ok
  },
}
