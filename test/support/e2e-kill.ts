/** A sidecar to be killed, and its successor: the scene of `kill.test.ts` and `kill-left-behind.test.ts`. */
import { once } from 'node:events'
import { existsSync, lstatSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { join } from 'node:path'
import type { Test } from 'tap'
import { type Backend, startBackend } from './backend.ts'
import { inTime } from './e2e-eventually.ts'
import { ask } from './e2e-http.ts'
import { folderOf, launchSidecar, type SidecarProcess, simpleConfig, token } from './process-sidecar.ts'

/** The secret that the backend has. */
export const value = 'CANARY-db-password'
export const readyLine = 'ready: all required secrets are held'

/** A backend, and a configuration with a Unix socket and a port that stay the same over restarts. */
export class KillScene {
  readonly backend: Backend
  readonly folder: string
  readonly socket: string
  readonly file: string
  readonly #t: Test
  readonly #port: number

  constructor(t: Test, backend: Backend, port: number) {
    this.#t = t
    this.#port = port
    this.backend = backend
    this.folder = folderOf(t)
    this.socket = join(this.folder, 'api.sock')
    this.file = join(this.folder, 'sidekeep.yaml')
    this.configure()
  }

  /** Writes the configuration. */
  configure(more: object = {}): void {
    const config = simpleConfig(this.backend.url, {
      api: { listen: `unix:${this.socket}`, socketMode: '0600' },
      ops: { listen: `127.0.0.1:${this.#port}` },
      ...more,
    })
    writeFileSync(this.file, JSON.stringify(config))
  }

  launch(): SidecarProcess {
    return launchSidecar(this.#t, ['--config', this.file], { env: { AUTH_TOKEN: token } })
  }

  async ready(): Promise<SidecarProcess> {
    const sidecar = this.launch()
    await sidecar.says(readyLine)
    return sidecar
  }

  /** Answers no request any more. @returns what resolves when one has come */
  silence(): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>()
    this.backend.handler = () => resolve()
    return inTime('a request to the backend', promise)
  }
}

export async function createKillScene(t: Test): Promise<KillScene> {
  const backend = await startBackend(t, { token, secrets: [['db-password', value]] })
  return new KillScene(t, backend, await freePort())
}

/** A port that nobody listens on just now: for a configuration that stays the same over restarts. */
export async function freePort(): Promise<number> {
  const server = createServer()
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const address = server.address()
  server.close()
  await once(server, 'close')
  if (address === null || typeof address === 'string') throw new Error('no port')
  return address.port
}

/** kill -9, and until it is gone. */
export async function kill(sidecar: SidecarProcess): Promise<void> {
  sidecar.child.signal('SIGKILL')
  await sidecar.child.exited
}

/** Starts another with the same configuration, and holds it to what any must do. */
export async function comesUpClean(t: Test, scene: KillScene): Promise<void> {
  const { backend, socket } = scene
  backend.handler = undefined
  const sidecar = await scene.ready()
  t.equal(lstatSync(socket).mode & 0o777, 0o600, 'the socket is its own')
  t.equal((await sidecar.ask('/v1/secrets/db-password?format=raw')).text, value)
  t.equal((await ask(sidecar.ops, '/readyz', { headers: {} })).status, 200)
  sidecar.child.signal('SIGTERM')
  t.match(await sidecar.child.ended(), { code: 0, signal: null, stderr: '' })
  t.notOk(existsSync(socket), 'and is gone after a stop in order')
}
