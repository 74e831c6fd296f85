/** The two that are measured: the built sidecar with a provider whose secret rotates on demand, and its peer. */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { bundle, callerHeaders, startSidecar } from '../support/processes.ts'

export interface Server {
  readonly name: string
  readonly pid: number
  readonly url: string
  /** Gives the secret its next version, and resolves when whoever asked for it knows. */
  rotate(): Promise<void>
  stop(): Promise<void>
}

export async function startOurs(maxConnections: number): Promise<Server> {
  let version = 1
  const provider = createServer((_, response) => {
    const secrets = [{ name: 'x', value: `CANARY-${version}`, version: `v${version}` }]
    response.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify(secrets))
  })
  provider.listen(0, '127.0.0.1')
  await once(provider, 'listening')
  const { port } = provider.address() as AddressInfo
  const sidecar = await startSidecar(`http://127.0.0.1:${port}/secrets`, { maxConnections })
  return {
    name: 'Sidekeep',
    pid: sidecar.process.pid ?? 0,
    url: sidecar.url,
    async rotate() {
      version += 1
      await post(`${sidecar.url}/v1/refresh`)
    },
    async stop() {
      await sidecar.stop()
      provider.close()
      provider.closeAllConnections()
    },
  }
}

export async function startPeer(): Promise<Server> {
  const program = fileURLToPath(new URL('./peer.ts', import.meta.url))
  const child = spawn(process.execPath, [...flagsOfTheBundle(), program], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  const [url] = (await once(createInterface({ input: child.stdout }), 'line')) as [string]
  return {
    name: 'node:http',
    pid: child.pid ?? 0,
    url,
    rotate: () => post(`${url}/v1/refresh`),
    async stop() {
      const exited = once(child, 'exit')
      child.kill('SIGTERM')
      await exited
    },
  }
}

/** Both with the same bounds on their heaps. */
function flagsOfTheBundle(): string[] {
  const [first = ''] = readFileSync(bundle, 'utf8').split('\n', 1)
  return first.split(' ').filter((word) => word.startsWith('--'))
}

async function post(url: string): Promise<void> {
  const answer = await fetch(url, { method: 'POST', headers: callerHeaders })
  await answer.arrayBuffer()
  if (!answer.ok) throw new Error(`${url} answered ${answer.status}`)
}
