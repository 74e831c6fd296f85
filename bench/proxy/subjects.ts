/** The proxies that stand side by side: how each is started. */
import { readdirSync, readFileSync } from 'node:fs'
import { setTimeout as pause } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { freePort, startServer } from './child.ts'
import { haproxyProxy } from './haproxy.ts'
import type { BenchLimit } from './limits.ts'
import { roomyLimits } from './limits.ts'
import { names } from './names.ts'
import { nginxProxy } from './nginx.ts'
import { locate } from './programs.ts'
import type { Scene } from './scene.ts'
import { startSidekeep, written } from './sidekeep.ts'
import type { Subject, SubjectKind } from './subject.ts'

/** @param options with an upstream in place of the scene's, or limits in place of those that refuse nothing */
export interface Setting {
  readonly upstreamPort?: number
  readonly limits?: readonly BenchLimit[]
}

type Kind = (scene: Scene, setting?: Setting) => SubjectKind

export const direct: Kind = ({ upstream }) => ({
  name: names.direct,
  start: async () => ({ name: names.direct, url: upstream.url, pid: undefined, stop: async () => {} }),
})

export const plain: Kind = (scene) => ({
  name: names.plain,
  start: () => startSidekeep(scene, { name: names.plain }),
})

export const limited: Kind = (scene, { upstreamPort = scene.upstream.port, limits = roomyLimits } = {}) => ({
  name: names.limited,
  start: () =>
    startSidekeep(scene, {
      name: names.limited,
      upstream: `http://127.0.0.1:${upstreamPort}`,
      proxy: { limits: limits.map(written) },
    }),
})

export const fastify: Kind = (scene, { upstreamPort = scene.upstream.port, limits = roomyLimits } = {}) => ({
  name: names.fastify,
  async start() {
    const port = await freePort()
    const program = fileURLToPath(new URL('./fastify.ts', import.meta.url))
    // It has one limit a route, and no burst beside it.
    const args = [String(port), `http://127.0.0.1:${upstreamPort}`, String(limits[0]?.rate)]
    const command = [...scene.cores.proxy, process.execPath, program, ...args]
    return subject(names.fastify, port, await startServer(names.fastify, command, [port]))
  },
})

export const nginx: Kind = (scene, { upstreamPort = scene.upstream.port, limits = roomyLimits } = {}) => ({
  name: names.nginx,
  async start() {
    const port = await freePort()
    const name = `nginx-${port}`
    const config = await scene.write(`${name}.conf`, nginxProxy(scene.path(name), port, upstreamPort, limits))
    const command = [...scene.cores.proxy, locate('nginx'), '-e', 'stderr', '-c', config]
    const server = await startServer(names.nginx, command, [port])
    return { ...subject(names.nginx, port, server), pid: await childOf(server.pid) }
  },
})

export const haproxy: Kind = (scene, { upstreamPort = scene.upstream.port, limits = roomyLimits } = {}) => ({
  name: names.haproxy,
  async start() {
    const port = await freePort()
    const config = await scene.write(`haproxy-${port}.cfg`, haproxyProxy(port, upstreamPort, limits))
    const command = [...scene.cores.proxy, locate('haproxy'), '-db', '-f', config]
    return subject(names.haproxy, port, await startServer(names.haproxy, command, [port]))
  },
})

function subject(name: string, port: number, { pid, stop }: { pid: number; stop(): Promise<void> }): Subject {
  return { name, pid, url: `http://127.0.0.1:${port}`, stop }
}

/** nginx works in a child, which it may not have yet when its port is open already. */
async function childOf(parent: number): Promise<number> {
  for (let tries = 0; tries < 100; tries += 1) {
    const child = readdirSync('/proc').find((name) => /^\d+$/.test(name) && parentOf(name) === parent)
    if (child !== undefined) return Number(child)
    await pause(20)
  }
  throw new Error(`process ${parent} has no child`)
}

function parentOf(pid: string): number | undefined {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8')
    return Number(stat.slice(stat.lastIndexOf(')') + 2).split(' ')[1])
  } catch {
    // It is over.
    return undefined
  }
}
