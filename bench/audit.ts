/**
 * `node bench/audit.ts [--quick] [--write]`: builds the bundle, and measures what the audit costs a cached read, beside the
 * same bundle without one. `--write` puts the table into docs/performance.md.
 */
import { execFileSync } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { cpuSeconds } from './support/cpu.ts'
import { findLoadTool, type Measured } from './support/load.ts'
import { writeSection } from './support/marked-section.ts'
import { callerHeaders, type Running, startProvider, startSidecar } from './support/processes.ts'
import { median, ratio, table } from './support/statistics.ts'

const { values } = parseArgs({ options: { quick: { type: 'boolean' }, write: { type: 'boolean' } } })
const [rounds, seconds] = values.quick === true ? [1, 1] : [5, 3]
const path = '/v1/secrets/secret-7?format=raw'

const kinds = [
  { name: 'none', audit: undefined },
  { name: '`onFailure: serve`', audit: 'serve' },
  { name: '`onFailure: refuse`', audit: 'refuse' },
] as const

/** A run, with the microseconds of a processor that the sidecar took for a request. */
type Run = Measured & { readonly cpu: number }

execFileSync(process.execPath, [fileURLToPath(new URL('../scripts/build.ts', import.meta.url))])
const report = await measureAll()
process.stdout.write(`${report}\n`)
if (values.write === true) writeSection(new URL('../docs/performance.md', import.meta.url), 'audit', report)

async function measureAll(): Promise<string> {
  const tool = await findLoadTool()
  const provider = await startProvider(100, 64)
  const sidecars = await Promise.all(kinds.map(({ audit }) => startSidecar(provider.url, { audit })))
  const rows: string[][] = []
  for (const connections of [1, 32]) {
    const measure = async ({ url, process: { pid = 0 } }: Running, duration: number): Promise<Run> => {
      const before = cpuSeconds(pid)
      const load = { url: `${url}${path}`, headers: callerHeaders, connections, seconds: duration }
      const measured = await tool.measure(load)
      const requests = measured.requestsPerSecond * duration
      return { ...measured, cpu: ((cpuSeconds(pid) - before) / requests) * 1e6 }
    }
    const runs: Run[][] = kinds.map(() => [])
    for (const sidecar of sidecars) await measure(sidecar, 2)
    for (let round = 0; round < rounds; round += 1) {
      // Whoever comes first finds the machine cooler: each has its turn.
      for (let place = 0; place < kinds.length; place += 1) {
        const at = (place + round) % kinds.length
        const sidecar = sidecars[at]
        if (sidecar !== undefined) runs[at]?.push(await measure(sidecar, seconds))
      }
    }
    for (const [at, { name }] of kinds.entries())
      rows.push(row(name, connections, runs[at] ?? [], runs[0] ?? []))
  }
  await Promise.all(sidecars.map((sidecar) => sidecar.stop()))
  provider.stop()
  const head = [
    'audit',
    'connections',
    'requests/s',
    'ratio',
    'CPU a request',
    'ratio of CPU',
    'p50',
    'p99',
    'errors',
  ]
  return table(head, rows)
}

function row(name: string, connections: number, measured: readonly Run[], without: readonly Run[]): string[] {
  const ratioOf = (of: (one: Run) => number): string =>
    ratio(median(measured.map((one, at) => of(one) / of(without[at] ?? one))))
  return [
    name,
    String(connections),
    median(measured.map((one) => one.requestsPerSecond)).toFixed(0),
    ratioOf((one) => one.requestsPerSecond),
    `${median(measured.map((one) => one.cpu)).toFixed(0)} µs`,
    ratioOf((one) => one.cpu),
    `${median(measured.map((one) => one.p50)).toFixed(2)} ms`,
    `${median(measured.map((one) => one.p99)).toFixed(2)} ms`,
    String(measured.reduce((sum, one) => sum + one.errors, 0)),
  ]
}
