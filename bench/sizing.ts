/**
 * `node bench/sizing.ts [--quick] [--write]`: what the limits of a container are reckoned from, measured with the built
 * bundle in a process of its own over loopback: memory by the number of secrets, and processor time a request beside
 * bare node:http that sends the same bytes. `--write` puts the tables into docs/operations.md. Linux alone.
 *
 * Processor time is what the kernel has counted for the process (user and system): unlike the wall's time it hardly
 * depends on who else wants the processor, but caches that others have emptied still show.
 */
import { execFileSync } from 'node:child_process'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { type AddressInfo, createServer } from 'node:net'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { cpuSeconds } from './support/cpu.ts'
import { findLoadTool } from './support/load.ts'
import { machine } from './support/machine.ts'
import { writeSection } from './support/marked-section.ts'
import {
  callerHeaders,
  type Running,
  runSidecar,
  startPeer,
  startProvider,
  startSidecar,
} from './support/processes.ts'
import { slopeOf } from './support/slope.ts'
import { mebibytes, median, ratio, table } from './support/statistics.ts'
import { Crowd } from './waiters/crowd.ts'

const { values } = parseArgs({ options: { quick: { type: 'boolean' }, write: { type: 'boolean' } } })
const rounds = values.quick === true ? 3 : 7
const seconds = values.quick === true ? 1 : 3
const counts = [1, 100, 1_000, 10_000]
const idle = 500

execFileSync(process.execPath, [fileURLToPath(new URL('../scripts/build.ts', import.meta.url))])
const tool = await findLoadTool()
const text = [machine(tool.name), await memoryTable(), await processorTable()].join('\n\n')
process.stdout.write(`${text}\n`)
if (values.write === true) writeSection(new URL('../docs/operations.md', import.meta.url), 'sizing', text)

async function memoryTable(): Promise<string> {
  const pss = new Map<number, number[]>(counts.map((count) => [count, []]))
  const anonymous = new Map<number, number[]>(counts.map((count) => [count, []]))
  const starts = new Map<number, number[]>(counts.map((count) => [count, []]))
  const connection: number[] = []
  for (let round = 0; round < rounds; round += 1) {
    for (const count of counts) {
      const provider = await startProvider(count, 1_024)
      const sidecar = await startSidecar(provider.url)
      starts.get(count)?.push(cpuSeconds(pidOf(sidecar)))
      const memory = shareOf(pidOf(sidecar))
      pss.get(count)?.push(memory.pss)
      anonymous.get(count)?.push(memory.anonymous)
      if (count === 1) connection.push(await connectionCost(sidecar))
      await sidecar.stop()
      provider.stop()
    }
  }
  const of = (from: ReadonlyMap<number, readonly number[]>, count: number): number =>
    median(from.get(count) ?? [])
  const rows = counts.map((count) => [
    count.toLocaleString('en'),
    mebibytes(of(pss, count)),
    mebibytes(of(anonymous, count)),
    `${of(starts, count).toFixed(2)} s`,
  ])
  const slope = slopeOf(counts.map((count) => [count, of(anonymous, count)]))
  const head = ['secrets of 1 KiB', 'PSS when ready', 'of it anonymous', 'processor time until ready']
  return [
    table(head, rows),
    `The line through them: ${slope.toFixed(1)} KiB of anonymous memory for each further secret of 1 KiB. An idle connection: ${median(connection).toFixed(0)} KiB.`,
  ].join('\n\n')
}

/** KiB for each connection that was answered once and stays open. */
async function connectionCost(sidecar: Running): Promise<number> {
  const crowd = new Crowd(sidecar.url)
  const before = shareOf(pidOf(sidecar)).anonymous
  await crowd.gather(idle, '/v1/secrets/secret-0')
  const cost = (shareOf(pidOf(sidecar)).anonymous - before) / idle
  crowd.disperse()
  return cost
}

async function processorTable(): Promise<string> {
  const provider = await startProvider(100, 1_024)
  const plain = await startSidecar(provider.url)
  const path = '/v1/secrets/secret-7'
  const first = await fetch(`${plain.url}${path}`, { headers: callerHeaders })
  const tag = { 'If-None-Match': first.headers.get('etag') ?? '' }
  const requests = [
    { name: 'read', path, headers: {} },
    { name: 'conditional read, 304', path: `${path}?format=json`, headers: tag },
  ]
  const peer = await startPeer(plain, requests)
  // A listener of its own for the proxy: its port must be known, and a free one is found by asking for it.
  const port = await freePort()
  const proxied = await runSidecar(`api: { listen: "127.0.0.1:0" }
providers: { bench: { type: http, url: "${provider.url}", maxBody: 64MiB } }
secrets: { secret-7: { provider: bench, refresh: 1h, required: true } }
proxy: { listen: "127.0.0.1:${port}", upstream: "${peer.url}" }
`)
  const cases = [
    ...requests.map((request) => ({ ...request, sidecar: plain, url: plain.url })),
    { name: 'proxied request', path, headers: {}, sidecar: proxied, url: `http://127.0.0.1:${port}` },
  ]
  const rows: string[][] = []
  for (const { name, path: target, headers, sidecar, url } of cases) {
    for (const connections of [1, 32]) {
      const ours: number[] = []
      const ratios: number[] = []
      for (let round = 0; round <= rounds; round += 1) {
        const load = { headers: { ...callerHeaders, ...headers }, connections, seconds }
        const mine = await costOf(pidOf(sidecar), { ...load, url: `${url}${target}` })
        const bare = await costOf(pidOf(peer), { ...load, url: `${peer.url}${target}` })
        // The first of each warms up.
        if (round === 0) continue
        ours.push(mine)
        ratios.push(mine / bare)
      }
      rows.push([name, String(connections), `${(median(ours) * 1e3).toFixed(3)} s`, ratio(median(ratios))])
    }
  }
  await proxied.stop()
  await plain.stop()
  await peer.stop()
  provider.stop()
  return table(['', 'connections', 'processor time for 1,000 requests', 'ratio to bare `node:http`'], rows)
}

/** Seconds of processor time for each request that was answered. */
async function costOf(pid: number, load: Parameters<typeof tool.measure>[0]): Promise<number> {
  const before = cpuSeconds(pid)
  const { requestsPerSecond, errors } = await tool.measure(load)
  if (errors > 0) throw new Error(`${load.url}: ${errors} errors`)
  return (cpuSeconds(pid) - before) / (requestsPerSecond * load.seconds)
}

/** In KiB: what the kernel charges the process for, pages that it shares divided by who shares them. */
function shareOf(pid: number): { pss: number; anonymous: number } {
  const rollup = readFileSync(`/proc/${pid}/smaps_rollup`, 'utf8')
  const field = (name: string): number => Number(new RegExp(`^${name}:\\s+(\\d+) kB`, 'm').exec(rollup)?.[1])
  return { pss: field('Pss'), anonymous: field('Pss_Anon') }
}

function pidOf({ process: child }: Running): number {
  if (child.pid === undefined) throw new Error('the process did not start')
  return child.pid
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  server.close()
  await once(server, 'close')
  return port
}
