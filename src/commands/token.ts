import { randomBytes } from 'node:crypto'
import { resolve } from 'node:path'
import { CodedError } from '../errors.ts'
import type { Command } from './command.ts'
import { exitCodes, parse, print } from './command.ts'
import { writeNew } from './token/write.ts'

/** Twice what the configuration asks for, in bytes: 43 characters, which costs nobody anything. */
const randomness = 32

export const command: Command = {
  help: `sidekeep token [--file PATH [--force]]

Makes a token for a caller of the API (api.callers): 256 random bits in base64url, and a newline.

  --file PATH   writes it to a file that only its owner can read, instead of printing it: all of it or nothing,
                and never in the place of a file that is there
  --force       replaces a file that is there, as when a token is rotated

Exit codes: 0 done, 1 the file exists or cannot be written, 78 wrong usage.`,
  async run(args) {
    const { values } = parse('token', args, { file: { type: 'string' }, force: { type: 'boolean' } })
    const { file, force = false } = values
    if (force && file === undefined) {
      throw new CodedError('SIDEKEEP_USAGE', ['--force is for --file. See "sidekeep token --help".'])
    }
    const token = randomBytes(randomness).toString('base64url')
    if (file === undefined) {
      print(token)
      return exitCodes.ok
    }
    try {
      await writeNew(resolve(file), `${token}\n`, { force })
    } catch (error) {
      throw notWritten(file, error)
    }
    print(`${file}: a new token was written`)
    return exitCodes.ok
  },
}

const remedies: Readonly<Record<string, readonly [what: string, remedy: string]>> = {
  EEXIST: ['it is there already', 'Choose another path, or replace it with --force.'],
  ENOENT: ['its folder does not exist', 'Create the folder, or choose another path.'],
  EACCES: ['the process may not', 'Check who may write to its folder.'],
  EROFS: ['the file system is read-only', 'Choose another path.'],
  EISDIR: ['it is a folder', 'Name a file in it.'],
  EPERM: ['the file system does not let us', 'Choose another path, or try --force.'],
}

function notWritten(file: string, error: unknown): CodedError {
  const code = error instanceof Error && 'code' in error ? String(error.code) : 'unknown error'
  const [what, remedy] = remedies[code] ?? [code, 'Choose another path.']
  const told = what === code ? what : `${what} (${code})`
  return new CodedError('SIDEKEEP_TOKEN_NOT_WRITTEN', [file, told, remedy], { cause: error })
}
