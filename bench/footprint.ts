/** Memory, and the time from exec to ready. */
import { execFileSync } from 'node:child_process'
import type { LoadTool } from './support/load.ts'
import { memoryOf } from './support/memory.ts'
import type { Running } from './support/processes.ts'
import { callerHeaders, startProvider, startSidecar } from './support/processes.ts'
import { mebibytes, median, table } from './support/statistics.ts'

export async function benchStartup(runs: number): Promise<string> {
  const provider = await startProvider(10, 64)
  const ready: number[] = []
  const bare: number[] = []
  await (await startSidecar(provider.url)).stop()
  for (let at = 0; at < runs; at += 1) {
    const sidecar = await startSidecar(provider.url)
    ready.push(sidecar.readyMs)
    await sidecar.stop()
    const began = performance.now()
    execFileSync(process.execPath, ['-e', ''])
    bare.push(performance.now() - began)
  }
  provider.stop()
  const row = (name: string, times: readonly number[]): string[] => [
    name,
    `${median(times).toFixed(0)} ms`,
    `${Math.min(...times).toFixed(0)}–${Math.max(...times).toFixed(0)} ms`,
  ]
  return table(
    ['from exec until', 'median', 'range'],
    [row('Sidekeep is ready (bundle, loopback provider)', ready), row('Node has run an empty script', bare)],
  )
}

export async function benchMemory(tool: LoadTool, seconds: number): Promise<string> {
  const rows: string[][] = []
  const add = (name: string, sidecar: Running): void => {
    const { rss, anonymous } = memoryOf(sidecar.process.pid ?? 0)
    rows.push([name, mebibytes(rss), anonymous === undefined ? 'not known' : mebibytes(anonymous)])
  }
  for (const [count, name] of [
    [1, 'after the start, 1 secret'],
    [1_000, '1,000 secrets × 1 KiB'],
    [10_000, '10,000 secrets × 1 KiB'],
  ] as const) {
    const provider = await startProvider(count, 1_024)
    const sidecar = await startSidecar(provider.url)
    add(name, sidecar)
    if (count === 1_000) {
      await tool.measure({
        url: `${sidecar.url}/v1/secrets/secret-7`,
        headers: callerHeaders,
        connections: 32,
        seconds,
      })
      add(`1,000 secrets × 1 KiB, under load for ${seconds} s`, sidecar)
    }
    await sidecar.stop()
    provider.stop()
  }
  return table(['memory', 'RSS', 'of it anonymous'], rows)
}
