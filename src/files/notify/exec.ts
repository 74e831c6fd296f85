import { basename } from 'node:path'
import { leastEnvironment } from '../../programs/environment.ts'
import { whyNotStarted } from '../../programs/not-started.ts'
import { type Program, type Result, Run } from '../../programs/run.ts'
import type { Clock } from '../../secrets/clock.ts'
import { NotifyError, type NotifyFailure } from './error.ts'
import type { Teller } from './teller.ts'

/**
 * Runs a program. What it writes goes nowhere: it has read secrets, and may print them. What it starts in its session
 * ends with it.
 *
 * @param timeout milliseconds
 * @param own the sidecar's own environment
 */
export function execTeller(
  [file = '', ...args]: readonly string[],
  timeout: number,
  clock: Clock,
  own: NodeJS.ProcessEnv,
): Teller['tell'] {
  const name = basename(file)
  return async ({ path }, signal) => {
    signal.throwIfAborted()
    const env = { ...leastEnvironment(own), SIDEKEEP_FILE: path }
    const program: Program = { file, args, env, workingDirectory: '/' }
    const run = new Run(program, clock, undefined)
    let isLate = false
    const timer = clock.setTimer(() => {
      isLate = true
      run.kill()
    }, timeout)
    const end = (): void => run.kill()
    signal.addEventListener('abort', end, { once: true })
    const result = await run.result
    await run.over
    timer.cancel()
    signal.removeEventListener('abort', end)
    if (isLate) throw tooLong(name, timeout)
    const failure = await failureOf(name, result, program)
    if (failure !== undefined) throw failure
  }
}

function tooLong(name: string, timeout: number): NotifyError {
  const message = `${name} did not end within ${timeout} ms, and was ended`
  return new NotifyError('timeout', message, 'Check what it waits for, or raise timeout.')
}

async function failureOf(name: string, result: Result, program: Program): Promise<NotifyError | undefined> {
  if (result.how === 'not started') {
    const { code } = result
    const why = await whyNotStarted(code, program, 'exec')
    return new NotifyError(reasonOf(code), `${name} could not be started (${code})`, `Why: ${why}.`)
  }
  if (result.how === 'exited' && result.code === 0) return undefined
  const how =
    result.how === 'exited'
      ? `ended with the exit code ${result.code}`
      : `was killed (${result.how === 'killed' ? result.signal : 'unknown'})`
  // No word of what it wrote: that went nowhere.
  return new NotifyError('status', `${name} ${how}`, 'Run it by hand to read what it says.')
}

function reasonOf(code: string): NotifyFailure {
  if (['ENOENT', 'ENOTDIR', 'ENOEXEC'].includes(code)) return 'place'
  return code === 'EACCES' || code === 'EPERM' ? 'denied' : 'io'
}
