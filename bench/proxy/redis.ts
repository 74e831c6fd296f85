/** A real Redis for the limits, and Sidekeep on it. */
import { freePort, startServer } from './child.ts'
import type { BenchLimit } from './limits.ts'
import { locate } from './programs.ts'
import type { Scene } from './scene.ts'
import { type Sidekeep, startSidekeep, written } from './sidekeep.ts'

export interface Redis {
  readonly url: string
  stop(): Promise<void>
}

/** Keeps nothing on disk. */
export async function startRedis({ cores, path }: Scene): Promise<Redis> {
  const port = await freePort()
  const options = ['--bind', '127.0.0.1', '--port', String(port), '--save', '', '--appendonly', 'no']
  const command = [...cores.others, locate('redis-server'), ...options, '--dir', path('.')]
  const { stop } = await startServer('redis-server', command, [port])
  return { url: `redis://127.0.0.1:${port}`, stop }
}

/** The number of requests that were counted in the process alone makes its figures doubtful: that is another path. */
export async function startOnRedis(
  scene: Scene,
  { name, redis, limits }: { name: string; redis: Redis; limits: readonly BenchLimit[] },
): Promise<Sidekeep> {
  const sidekeep = await startSidekeep(scene, {
    name,
    proxy: { limits: limits.map(written), store: redis.url },
  })
  return {
    ...sidekeep,
    async doubt() {
      const failures = await sidekeep.metric('sidekeep_proxy_limit_store_errors_total')
      return failures > 0
        ? `${name}: Redis did not answer in time, or at all, ${failures.toLocaleString('en')} times; these requests were counted in the process alone.`
        : undefined
    },
  }
}
