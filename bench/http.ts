/** Cached reads: the sidecar beside bare node:http that sends the same bytes. */
import type { LoadTool, Measured } from './support/load.ts'
import { callerHeaders, startPeer, startProvider, startSidecar } from './support/processes.ts'
import { median, ratio, table } from './support/statistics.ts'

export interface HttpBenchOptions {
  readonly tool: LoadTool
  /** Pairs of runs; the two change turns within each pair. */
  readonly pairs: number
  readonly seconds: number
}

const value = '/v1/secrets/secret-7'

export async function benchHttp({ tool, pairs, seconds }: HttpBenchOptions): Promise<string> {
  const provider = await startProvider(100, 64)
  const sidecar = await startSidecar(provider.url)
  const tag = (await fetch(`${sidecar.url}${value}`, { headers: callerHeaders })).headers.get('etag') ?? ''
  const cases = [
    { name: 'JSON', path: value, headers: {} },
    { name: 'raw', path: `${value}?format=raw`, headers: {} },
    { name: '304', path: `${value}?format=json`, headers: { 'If-None-Match': tag } },
  ]
  const peer = await startPeer(sidecar, cases)
  const rows: string[][] = []
  for (const connections of [1, 32]) {
    for (const { name, path, headers } of cases) {
      const all = { ...callerHeaders, ...headers }
      const measure = (url: string, duration: number): Promise<Measured> =>
        tool.measure({ url: `${url}${path}`, headers: all, connections, seconds: duration })
      await measure(sidecar.url, 2)
      await measure(peer.url, 2)
      const ours: Measured[] = []
      const theirs: Measured[] = []
      for (let pair = 0; pair < pairs; pair += 1) {
        const first = pair % 2 === 0
        if (first) ours.push(await measure(sidecar.url, seconds))
        theirs.push(await measure(peer.url, seconds))
        if (!first) ours.push(await measure(sidecar.url, seconds))
      }
      rows.push(row(name, connections, ours, theirs))
    }
  }
  await peer.stop()
  await sidecar.stop()
  provider.stop()
  const head = [
    'cached GET',
    'connections',
    'Sidekeep, requests/s',
    'node:http, requests/s',
    'ratio',
    'p50',
    'p99',
    'p99 of node:http',
    'ratio of p99',
    'errors',
  ]
  return table(head, rows)
}

function row(
  name: string,
  connections: number,
  ours: readonly Measured[],
  theirs: readonly Measured[],
): string[] {
  const rate = (all: readonly Measured[]): number => median(all.map((one) => one.requestsPerSecond))
  const p99 = (all: readonly Measured[]): number => median(all.map((one) => one.p99))
  const pairs = ours.map((one, at) => ({ ours: one, theirs: theirs[at] ?? one }))
  return [
    name,
    String(connections),
    rate(ours).toFixed(0),
    rate(theirs).toFixed(0),
    ratio(median(pairs.map((pair) => pair.ours.requestsPerSecond / pair.theirs.requestsPerSecond))),
    `${median(ours.map((one) => one.p50)).toFixed(2)} ms`,
    `${p99(ours).toFixed(2)} ms`,
    `${p99(theirs).toFixed(2)} ms`,
    ratio(median(pairs.map((pair) => pair.ours.p99 / pair.theirs.p99))),
    String([...ours, ...theirs].reduce((sum, one) => sum + one.errors, 0)),
  ]
}
