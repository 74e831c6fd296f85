/** wrk, away from the processor of the proxy. */
import { execFile } from 'node:child_process'
import { promisify } from 'node:util'
import { parseWrk, type WrkReport } from '../support/wrk.ts'
import type { Cores } from './cores.ts'
import { locate } from './programs.ts'

const run = promisify(execFile)

export interface WrkLoad {
  readonly url: string
  readonly connections: number
  readonly seconds: number
  /** A script in Lua, by its path. */
  readonly script?: string | undefined
}

/** @throws where it is not installed, or nothing answers at all */
export async function runWrk(
  { url, connections, seconds, script }: WrkLoad,
  { others }: Cores,
): Promise<WrkReport> {
  const scripted = script === undefined ? [] : ['-s', script]
  const args = ['-t1', `-c${connections}`, `-d${seconds}s`, '--latency', ...scripted, url]
  const [program = '', ...rest] = [...others, locate('wrk'), ...args]
  const { stdout } = await run(program, rest)
  const report = parseWrk(stdout)
  if (!(report.requests > 0)) throw new Error(`nothing answered at ${url}:\n${stdout}`)
  return report
}
