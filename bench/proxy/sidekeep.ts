/** The built bundle as a proxy. */
import { setTimeout as pause } from 'node:timers/promises'
import { total } from '../soak/sampling.ts'
import { bundle, callerHeaders } from '../support/processes.ts'
import { freePort, startServer } from './child.ts'
import type { BenchLimit } from './limits.ts'
import type { Scene } from './scene.ts'
import type { Subject } from './subject.ts'

const collector = { NODE_OPTIONS: `--import=${new URL('./collect.ts', import.meta.url)}` }

export interface Sidekeep extends Subject {
  readonly pid: number
  /** The sum of a metric over its labels; NaN where it has no value. */
  metric(name: string): Promise<number>
}

export interface SidekeepOptions {
  readonly name: string
  /** Options of `proxy` beside where it listens and where it forwards to, as in a configuration file. */
  readonly proxy?: Readonly<Record<string, unknown>>
  /** In place of the scene's. */
  readonly upstream?: string
  /** Whether {@link heldMemory} may be asked. */
  readonly collects?: boolean
}

export async function startSidekeep(
  { cores, upstream, write }: Pick<Scene, 'cores' | 'upstream' | 'write'>,
  { name, proxy = {}, upstream: other = upstream.url, collects = false }: SidekeepOptions,
): Promise<Sidekeep> {
  const [port, apiPort] = [await freePort(), await freePort()]
  const config = {
    api: { listen: `127.0.0.1:${apiPort}` },
    log: { level: 'warn' },
    proxy: { listen: `127.0.0.1:${port}`, upstream: other, access: { log: 'none' }, ...proxy },
  }
  // YAML takes JSON as it is.
  const file = await write(`sidekeep-${port}.yaml`, JSON.stringify(config))
  const command = [...cores.proxy, bundle, 'run', '--config', file]
  const server = await startServer(name, command, [port, apiPort], collects ? collector : {})
  return {
    ...server,
    name,
    url: `http://127.0.0.1:${port}`,
    async metric(metric) {
      const answer = await fetch(`http://127.0.0.1:${apiPort}/metrics`, { headers: callerHeaders })
      return total(await answer.text(), metric)
    },
  }
}

/** V8 lets go of code that was not run for six collections: memory that would go down between two looks. */
const collections = 8
/** How long one may take, in milliseconds. */
const collectMs = 250

/** The heap that is in use once all garbage is collected, in bytes. */
export async function heldMemory(sidekeep: Sidekeep): Promise<number> {
  for (let at = 0; at < collections; at += 1) {
    process.kill(sidekeep.pid, 'SIGUSR2')
    await pause(collectMs)
  }
  return sidekeep.metric('nodejs_heap_size_used_bytes')
}

/** A limit as the configuration writes it. */
export function written({ name, key, rate, burst }: BenchLimit) {
  return { name, key, rate: `${rate}/s`, burst }
}
