/** What the process takes, looked at every few seconds: by its own metrics and by the kernel's word. */
import { readdir, readFile, readlink } from 'node:fs/promises'
import { setTimeout as pause } from 'node:timers/promises'
import { memoryOf } from '../support/memory.ts'
import type { Client } from './client.ts'
import type { Contract } from './contract.ts'

export interface Sample {
  /** On the driver's monotonic clock, in milliseconds. */
  readonly at: number
  /** In KiB. */
  readonly rss: number
  readonly heapUsed: number
  /** What keeps the event loop alive, as Node counts it. */
  readonly handles: number
  /** Open files, sockets among them; NaN where the system does not tell. */
  readonly fds: number
  readonly sockets: number
}

export interface Sampler {
  readonly samples: readonly Sample[]
  /** The text of the last scrape. */
  readonly lastScrape: string
  stop(): Promise<void>
}

export interface SamplerOptions {
  readonly pid: number
  /** To the ops listener. */
  readonly ops: Client
  readonly contract: Contract
  readonly everyMs: number
}

export function startSampler({ pid, ops, contract, everyMs }: SamplerOptions): Sampler {
  const samples: Sample[] = []
  const ended = new AbortController()
  const sampler = {
    samples,
    lastScrape: '',
    async stop(): Promise<void> {
      ended.abort()
      await running
    },
  }
  const run = async (): Promise<void> => {
    while (!ended.signal.aborted) {
      try {
        const answer = await ops.ask({ path: '/metrics', headers: {} })
        contract.judge('GET /metrics', answer)
        const text = answer.body.toString('utf8')
        contract.keepsSecrets('/metrics', text)
        sampler.lastScrape = text
        samples.push({ at: performance.now(), ...(await look(pid)), ...measured(text) })
      } catch {
        // The process may be gone; whoever watches it tells so.
      }
      await pause(everyMs, undefined, { signal: ended.signal }).catch(() => {})
    }
  }
  const running = run()
  return sampler
}

function measured(text: string): Pick<Sample, 'heapUsed' | 'handles'> {
  return {
    heapUsed: total(text, 'nodejs_heap_size_used_bytes') / 1_024,
    handles: total(text, 'nodejs_active_handles'),
  }
}

/** The kernel's word on a process, in KiB and in pieces. */
export async function look(pid: number): Promise<Pick<Sample, 'rss' | 'fds' | 'sockets'>> {
  const { rss } = memoryOf(pid)
  const folder = `/proc/${pid}/fd`
  const names = await readdir(folder).catch(() => undefined)
  if (names === undefined) return { rss, fds: Number.NaN, sockets: Number.NaN }
  const links = await Promise.all(names.map((name) => readlink(`${folder}/${name}`).catch(() => '')))
  const open = links.filter((link) => link !== '')
  return { rss, fds: open.length, sockets: open.filter((link) => link.startsWith('socket:')).length }
}

/** The processor time that a process has taken so far, in seconds; NaN where the system does not tell. */
export async function processorSeconds(pid: number): Promise<number> {
  const text = await readFile(`/proc/${pid}/stat`, 'utf8').catch(() => '')
  // After the name in brackets, which may hold spaces, come the fields from the third on (proc_pid_stat(5)).
  const fields = text.slice(text.lastIndexOf(')') + 2).split(' ')
  const ticksPerSecond = 100
  return (Number(fields[11] ?? Number.NaN) + Number(fields[12] ?? Number.NaN)) / ticksPerSecond
}

/** The sum of all lines of a metric in Prometheus' text; NaN where it has none. */
export function total(text: string, metric: string): number {
  let sum = Number.NaN
  for (const line of text.split('\n')) {
    if (!line.startsWith(`${metric} `) && !line.startsWith(`${metric}{`)) continue
    const value = Number(line.slice(line.lastIndexOf(' ') + 1))
    sum = Number.isNaN(sum) ? value : sum + value
  }
  return sum
}
