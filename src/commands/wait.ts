import { setTimeout as sleep } from 'node:timers/promises'
import { parseDuration } from '../config/quantities.ts'
import { CodedError } from '../errors.ts'
import type { ClientOptions } from './client.ts'
import { apiHelp, apiOptions, createHealthClient } from './client.ts'
import type { Command } from './command.ts'
import { exitCodes, parse } from './command.ts'

/** How long between two questions, in milliseconds: short against the start of a container. */
const pause = 100

export const command: Command = {
  help: `sidekeep wait [--timeout 60s]

Waits until a sidecar answers and holds all required secrets, for entry scripts and init containers.

  --timeout TIME   how long at the most, such as 500ms, 10s or 5m; 60s by default
${apiHelp}

Exit codes: 0 ready, 75 not ready in time, 78 wrong usage.`,
  async run(args) {
    const { values } = parse('wait', args, { ...apiOptions, timeout: { type: 'string', default: '60s' } })
    const timeoutMs = parseDuration(values.timeout)
    if (timeoutMs === undefined) {
      throw new CodedError('SIDEKEEP_USAGE', [
        `--timeout ${values.timeout}: expected a duration such as 500ms or 60s.`,
      ])
    }
    const deadline = performance.now() + timeoutMs
    for (;;) {
      const left = deadline - performance.now()
      const hindrance = await whyNotReady(values, Math.max(1, left))
      if (hindrance === undefined) return exitCodes.ok
      if (performance.now() + pause >= deadline) {
        throw new CodedError('SIDEKEEP_WAIT_TIMED_OUT', [values.timeout, hindrance])
      }
      await sleep(pause)
    }
  },
}

async function whyNotReady(options: ClientOptions, timeoutMs: number): Promise<string | undefined> {
  try {
    const answer = await createHealthClient(options, timeoutMs).get('/readyz')
    if (answer.status === 200) return undefined
    return answer.body.toString('utf8').trim().replaceAll('\n', ', ')
  } catch (error) {
    if (error instanceof CodedError && error.code === 'SIDEKEEP_UNREACHABLE') return error.message
    throw error
  }
}
