import { setTimeout as sleep } from 'node:timers/promises'
import { parseDuration } from '../config/quantities.ts'
import { CodedError } from '../errors.ts'
import { askHealth } from './client/health.ts'
import { lackingSecrets } from './client/lacking.ts'
import type { ClientOptions } from './client.ts'
import { callerHelp, callerOptions } from './client.ts'
import type { Command } from './command.ts'
import { exitCodes, parse, printError } from './command.ts'

/** How long between two questions, in milliseconds: short against the start of a container. */
const pause = 100
/** How long one answer is waited for, in milliseconds: whoever hangs may be another one soon. */
const patience = 5_000
/**
 * How long before its end it begins to ask which secrets are lacking too, in milliseconds. Beside the other question,
 * and not after the last one: the time that was given is kept.
 */
const lastWords = 1_000
/** How long it waits without a word, in milliseconds: most starts are over by then. */
const quiet = 2_000
/** After so many milliseconds it says the same again. */
const silence = 60_000

export const command: Command = {
  help: `sidekeep wait [--timeout 60s]

Waits until a sidecar answers and is ready: it holds all required secrets, and has written all required files. For
entry scripts, and hooks of containers. Says what it waits for, and at the end which secrets are lacking, where it
may know them: that takes a token where the sidecar has callers, and the waiting takes none.

  --timeout TIME   how long at the most, such as 500ms, 10s or 5m; 60s by default
${callerHelp}

Exit codes: 0 ready, 75 not ready in time, 78 wrong usage.`,
  async run(args) {
    const { values } = parse('wait', args, { ...callerOptions, timeout: { type: 'string', default: '60s' } })
    const timeoutMs = parseDuration(values.timeout)
    if (timeoutMs === undefined) {
      throw new CodedError('SIDEKEEP_USAGE', [
        `--timeout ${values.timeout}: expected a duration such as 500ms or 60s.`,
      ])
    }
    const deadline = performance.now() + timeoutMs
    const told = new Told()
    for (;;) {
      const left = deadline - performance.now()
      const limit = Math.max(1, Math.min(left, patience))
      const [hindrance, lacking] = await Promise.all([
        whyNotReady(values, limit),
        left <= lastWords ? lackingSecrets(values, limit) : undefined,
      ])
      if (hindrance === undefined) return exitCodes.ok
      // A question that has next to no time says only that it had none.
      if (performance.now() + 2 * pause >= deadline) {
        const what = lacking === undefined ? hindrance : `${hindrance}. ${lacking}`
        throw new CodedError('SIDEKEEP_WAIT_TIMED_OUT', [values.timeout, what])
      }
      told.tell(hindrance)
      await sleep(pause)
    }
  },
}

/** What the log of an init container, or of an entry script, has of a long wait: enough to see, and no more. */
class Told {
  #what: string | undefined
  #nextAt = performance.now() + quiet

  tell(hindrance: string): void {
    const now = performance.now()
    const isDue = now >= this.#nextAt + (hindrance === this.#what ? silence : 0)
    if (!isDue) return
    printError(`sidekeep: waiting: ${hindrance}`)
    this.#what = hindrance
    this.#nextAt = now + quiet
  }
}

async function whyNotReady(options: ClientOptions, timeoutMs: number): Promise<string | undefined> {
  try {
    const { passed, text } = await askHealth(options, 'readyz', timeoutMs)
    return passed ? undefined : failedChecks(text)
  } catch (error) {
    if (error instanceof CodedError && error.code === 'SIDEKEEP_UNREACHABLE') return error.message
    throw error
  }
}

/** What it waits for, without what is well already. */
function failedChecks(text: string): string {
  const lines = text.split('\n')
  const failed = lines.filter((line) => line.startsWith('[-]'))
  return (failed.length > 0 ? failed : lines).join(', ')
}
