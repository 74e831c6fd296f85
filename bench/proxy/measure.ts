/** One run of load on a subject, with what its process took for it. */
import { cpuSeconds } from '../support/cpu.ts'
import type { Cores } from './cores.ts'
import type { Subject } from './subject.ts'
import type { Run } from './throughput-report.ts'
import { runWrk } from './wrk.ts'

export interface Load {
  readonly path: string
  readonly connections: number
  readonly script?: string | undefined
}

export async function measure(
  { url, pid }: Subject,
  { path, ...load }: Load,
  seconds: number,
  cores: Cores,
): Promise<Run> {
  const before = pid === undefined ? 0 : cpuSeconds(pid)
  const report = await runWrk({ ...load, url: `${url}${path}`, seconds }, cores)
  const { requests, requestsPerSecond, p50, p99, refused, socketErrors } = report
  return {
    requestsPerSecond,
    p50,
    p99,
    errors: refused + socketErrors,
    cpu: pid === undefined ? undefined : (cpuSeconds(pid) - before) / requests,
  }
}

/** Has each of them run so many times in turn; whoever comes first finds the machine cooler: each has its turn. */
export async function inTurn<T>(
  all: readonly T[],
  rounds: number,
  run: (one: T) => Promise<Run>,
): Promise<Run[][]> {
  const runs: Run[][] = all.map(() => [])
  for (let round = 0; round < rounds; round += 1) {
    for (let place = 0; place < all.length; place += 1) {
      const at = (place + round) % all.length
      const one = all[at]
      if (one !== undefined) runs[at]?.push(await run(one))
    }
  }
  return runs
}
