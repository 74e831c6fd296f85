/**
 * `node bench/waiters.ts [--waiters N] [--write]`: builds the bundle, and measures many callers who wait for a secret to
 * change, beside bare node:http that has them wait for a value of its own. `--write` puts the table into
 * docs/performance.md. Needs as many open files as there are waiters, twice (`ulimit -n`).
 */
import { execFileSync } from 'node:child_process'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { cpuSeconds } from './support/cpu.ts'
import { writeSection } from './support/marked-section.ts'
import { memoryOf } from './support/memory.ts'
import { callerHeaders } from './support/processes.ts'
import { table } from './support/statistics.ts'
import { Crowd } from './waiters/crowd.ts'
import { type Server, startOurs, startPeer } from './waiters/servers.ts'

const { values } = parseArgs({ options: { waiters: { type: 'string' }, write: { type: 'boolean' } } })
const waiters = Number(values.waiters ?? 10_000)
const idleSeconds = 20
const path = '/v1/secrets/x'

interface Measured {
  readonly name: string
  /** In KiB for each connection: idle after one answer, and waiting for another. */
  readonly idleMemory: number
  readonly waitingMemory: number
  /** Of one processor, while all wait. */
  readonly cpuShare: number
  /** From the request for a refresh to the first, the middle and the last answer, in milliseconds. */
  readonly first: number
  readonly middle: number
  readonly last: number
}

execFileSync(process.execPath, [fileURLToPath(new URL('../scripts/build.ts', import.meta.url))])
const measured = [await measure(await startPeer()), await measure(await startOurs(Math.ceil(waiters * 1.4)))]
const report = tableOf(measured)
process.stdout.write(`${report}\n`)
if (values.write === true) writeSection(new URL('../docs/performance.md', import.meta.url), 'waiters', report)

async function measure(server: Server): Promise<Measured> {
  const crowd = new Crowd(server.url)
  try {
    const tag = await warmUp(server)
    const before = memoryOf(server.pid).rss
    await crowd.gather(waiters, path)
    // At once: an idle connection is closed after 5 s.
    const idle = memoryOf(server.pid).rss
    const all = crowd.size
    if (all < waiters) throw new Error(`${server.name}: only ${all} connections stayed open`)
    const answers = crowd.askAll(`${path}?wait=60s`, { 'If-None-Match': tag }, 'CANARY-2')
    await sleep(3_000)
    const waiting = memoryOf(server.pid).rss
    const cpuBefore = cpuSeconds(server.pid)
    await sleep(idleSeconds * 1_000)
    const cpuShare = (cpuSeconds(server.pid) - cpuBefore) / idleSeconds
    const began = performance.now()
    const [{ times, right }] = await Promise.all([answers, server.rotate()])
    if (right < waiters || (times[0] ?? 0) < began) {
      throw new Error(`${server.name}: ${right} of ${waiters} waiters got the new value once it was there`)
    }
    const after = times.map((time) => time - began)
    return {
      name: server.name,
      idleMemory: (idle - before) / waiters,
      waitingMemory: (waiting - before) / waiters,
      cpuShare,
      first: after[0] ?? Number.NaN,
      middle: after[after.length >> 1] ?? Number.NaN,
      last: after.at(-1) ?? Number.NaN,
    }
  } finally {
    crowd.disperse()
    await server.stop()
  }
}

/** @returns the entity tag of the version to wait on */
async function warmUp({ url }: Server): Promise<string> {
  let tag = ''
  for (let at = 0; at < 2_000; at += 1) {
    const answer = await fetch(`${url}${path}`, { headers: callerHeaders })
    await answer.arrayBuffer()
    tag = answer.headers.get('etag') ?? ''
  }
  return tag
}

function tableOf(all: readonly Measured[]): string {
  const kib = (value: number): string => `${value.toFixed(1)} KiB`
  const ms = (value: number): string => `${value.toFixed(0)} ms`
  const head = [
    `${waiters.toLocaleString('en')} callers`,
    'RSS for each, idle keep-alive',
    'RSS for each, waiting',
    `CPU while they wait (${idleSeconds} s)`,
    'from `POST /v1/refresh` to the first answer',
    'the median',
    'the last',
  ]
  const rows = all.map((one) => [
    one.name,
    kib(one.idleMemory),
    kib(one.waitingMemory),
    `${(100 * one.cpuShare).toFixed(2)} %`,
    ms(one.first),
    ms(one.middle),
    ms(one.last),
  ])
  return table(head, rows)
}
