import { stat } from 'node:fs/promises'
import type { ExecProviderConfig } from '../../config/schema.ts'
import { ProviderError, type ProviderErrorReason } from '../../secrets/provider.ts'
import { notFound } from '../shared/narrow.ts'
import type { Program, Result } from './run.ts'

/** Which run it is about. */
export interface Asked {
  /** For messages: the provider and the program. */
  readonly place: string
  /** The key, where the run was for one. */
  readonly key: string | undefined
}

type Failed = Exclude<Result, { how: 'not started' }>

const reasons = { denied: 'denied', throttled: 'throttled', unavailable: 'status' } as const

/** What a run means that has brought nothing. What the program has written is told by its size alone. */
export function runFailure({ place, key }: Asked, result: Failed, config: ExecProviderConfig): ProviderError {
  if (result.how === 'oversized') {
    const words = `the output is larger than ${config.maxBody} bytes. Ask for less, or raise maxBody.`
    return unavailable('oversized', place, words)
  }
  const wrote = `It wrote ${result.errorBytes} bytes to standard error, which are not shown, as they may hold anything`
  const remedy = 'Run the command by hand to read them'
  if (result.how === 'killed') {
    const words = `the program was killed (${result.signal}): out of memory, or by somebody? ${wrote}.`
    return unavailable('status', place, words)
  }
  const meaning = new Map(Object.entries(config.exitCodes ?? {})).get(String(result.code)) ?? 'unavailable'
  if (meaning === 'missing') return notFound(place, key ?? '')
  const words = `the program ended with the exit code ${result.code}`
  const mapped = meaning === 'unavailable' ? '' : `, which exitCodes calls ${meaning}`
  return new ProviderError(meaning, reasons[meaning], `${place}: ${words}${mapped}. ${wrote}. ${remedy}.`)
}

/** Why a program could not be started. @param code Node's, such as ENOENT */
export async function startFailure(place: string, code: string, program: Program): Promise<ProviderError> {
  return unavailable('io', place, `${await whyNot(code, program)} (${code}).`)
}

async function whyNot(code: string, { file, workingDirectory }: Program): Promise<string> {
  switch (code) {
    case 'ENOENT':
    case 'ENOTDIR':
      // The system says the same of all of them.
      if (!(await isThere(workingDirectory)))
        return `workingDirectory is not there: ${workingDirectory}. Create it, or name another`
      if (!file.includes('/'))
        return 'the program is in no directory of PATH. Install it, write its absolute path, or set PATH in env'
      if (!(await isThere(file)))
        return 'the program is not there. Install it in the image, or correct command'
      return 'the program is there, and not what it is run with: the interpreter of its first line, or the loader of its libraries. Install that'
    case 'EACCES':
    case 'EPERM':
      return `the program may not be run, or workingDirectory not be entered. Check their modes, the user of the sidecar, and whether they lie on a volume that allows no programs`
    case 'ENOEXEC':
      return 'the file is no program for this machine. Check its architecture, or the first line of a script'
    case 'E2BIG':
      return 'arguments and environment are larger than the system allows. Hand large values over as files'
    case 'EAGAIN':
    case 'ENOMEM':
      return 'the system has no room for another process. Raise the limits of the container for memory and processes'
    case 'EMFILE':
    case 'ENFILE':
      return 'too many files are open. Raise the limit of open files'
    default:
      return 'the program could not be started'
  }
}

async function isThere(path: string): Promise<boolean> {
  return await stat(path).then(
    () => true,
    () => false,
  )
}

function unavailable(reason: ProviderErrorReason, place: string, words: string): ProviderError {
  return new ProviderError('unavailable', reason, `${place}: ${words}`)
}
