/** One replica: the built bundle with a proxy in front of the application, on ports that its successors have too. */
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { inTime } from '../support/e2e-eventually.ts'
import type { Replica } from './haproxy.ts'
import { Program } from './program.ts'

export interface Stopped {
  readonly code: number | null
  readonly tookMs: number
  /** All that it logged. */
  readonly log: string
}

export class Sidecar {
  readonly replica: Replica
  readonly #bundle: string
  readonly #config: string
  #program: Program | undefined

  constructor(
    replica: Replica,
    {
      bundle,
      folder,
      application,
      timeoutMs,
    }: { bundle: string; folder: string; application: number; timeoutMs: number },
  ) {
    this.replica = replica
    this.#bundle = bundle
    this.#config = join(folder, `${replica.name}.yaml`)
    const config = {
      api: { listen: '127.0.0.1:0' },
      ops: { listen: `127.0.0.1:${replica.ops}` },
      providers: { local: { type: 'env', prefix: 'CHECK_' } },
      secrets: { password: { provider: 'local', key: 'PASSWORD', required: true } },
      proxy: {
        listen: `127.0.0.1:${replica.proxy}`,
        upstream: `http://127.0.0.1:${application}`,
        // A limit that nobody reaches: its work is done, and it refuses nobody.
        limits: [{ name: 'all', rate: '1000000/s' }],
        access: { log: 'errors' },
      },
      shutdown: { timeout: `${timeoutMs}ms` },
      log: { format: 'json' },
    }
    writeFileSync(this.#config, JSON.stringify(config))
  }

  /** Starts a process and waits until it says that it is ready. */
  async start(): Promise<void> {
    const args = [this.#bundle, 'run', '--config', this.#config]
    this.#program = new Program(process.execPath, args, { CHECK_PASSWORD: 'CANARY-rolling' })
    await this.#program.says(`${this.replica.name} to be ready`, /("msg":"ready)/)
  }

  /** Sends SIGTERM and waits for the end. */
  async stop(): Promise<Stopped> {
    const program = this.#program
    if (program === undefined) throw new Error('it was not started')
    const from = performance.now()
    program.signal('SIGTERM')
    const { code } = await inTime(`the end of ${this.replica.name}`, program.exited)
    return { code, tookMs: performance.now() - from, log: program.output }
  }

  async kill(): Promise<void> {
    await this.#program?.kill()
  }
}
