import type { ParseArgsOptionsConfig } from 'node:util'
import { parseArgs } from 'node:util'
import { CodedError } from '../errors.ts'

/** One command of the program. */
export interface Command {
  /** What `--help` prints. */
  readonly help: string
  /** @returns the exit code; a CodedError that is thrown brings its own */
  run(args: readonly string[]): Promise<number>
}

/** Exit codes, after sysexits.h where it has one; documented in docs/operations.md. */
export const exitCodes = {
  ok: 0,
  failed: 1,
  unavailable: 69,
  timedOut: 75,
  notAllowed: 77,
  configuration: 78,
} as const

/** Text for people and programs on standard output. */
export function print(text: string): void {
  process.stdout.write(`${text}\n`)
}

/** Text beside the answer, on standard error. */
export function printError(text: string): void {
  process.stderr.write(`${text}\n`)
}

/**
 * Parses the arguments of a command.
 *
 * @param positionals how many arguments beside the options it takes at the most
 * @throws SIDEKEEP_USAGE, which names the argument and the way to the help
 */
export function parse<const T extends ParseArgsOptionsConfig>(
  command: string,
  args: readonly string[],
  options: T,
  positionals = 0,
) {
  try {
    const parsed = parseArgs({ args: [...args], options, allowPositionals: true, strict: true })
    const extra = parsed.positionals[positionals]
    if (extra !== undefined) throw new Error(`Unexpected argument "${extra}"`)
    return parsed
  } catch (error) {
    const what = error instanceof Error ? error.message : String(error)
    throw new CodedError('SIDEKEEP_USAGE', [`${what}. See "sidekeep ${command} --help".`], { cause: error })
  }
}
