/** The bundle, as a process, as the browser finds it: with a backend that counts how often it is asked. */
import type { ChildProcess } from 'node:child_process'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import { Backend } from '../../support/backend.ts'

const patience = 20_000

export class Sidecar {
  readonly backend = new Backend({ secrets: [['db-password', 'CANARY-db-password-1']] })
  output = ''
  api = ''
  ops = ''
  #process: ChildProcess | undefined

  /**
   * @param program its file
   * @param folder for its configuration
   * @param api what the configuration says of the api listener, beside its address
   */
  async start(program: string, folder: string, api: object): Promise<void> {
    await this.backend.start()
    mkdirSync(folder, { recursive: true })
    const file = join(folder, 'sidekeep.yaml')
    const config = {
      api: { listen: '127.0.0.1:0', ...api },
      ops: { listen: '127.0.0.1:0' },
      providers: { platform: { type: 'http', url: this.backend.url } },
      secrets: { 'db-password': { provider: 'platform', refresh: '1h', required: true } },
      log: { format: 'json' },
    }
    writeFileSync(file, JSON.stringify(config))
    const child = spawn(process.execPath, [program, 'run', '--config', file], {
      env: {},
      stdio: ['ignore', 'pipe', 'pipe'],
    })
    this.#process = child
    for (const stream of [child.stdout, child.stderr]) {
      stream.setEncoding('utf8').on('data', (text: string) => {
        this.output += text
      })
    }
    this.api = await this.#told('api')
    this.ops = await this.#told('ops')
    await this.#eventually(async () => (await fetch(`${this.ops}/readyz`)).ok)
  }

  async stop(): Promise<void> {
    const child = this.#process
    if (child !== undefined && !isGone(child)) {
      const gone = once(child, 'exit')
      child.kill('SIGKILL')
      await gone
    }
    await this.backend.stop()
  }

  /** How many requests the api has answered, by status; those of health are not among them. */
  async answered(): Promise<Map<number, number>> {
    const metrics = await (await fetch(`${this.ops}/metrics`)).text()
    const counts = new Map<number, number>()
    for (const [, labels = '', count] of metrics.matchAll(/^sidekeep_api_requests_total\{(.*?)\} (\d+)$/gm)) {
      // Those that came to ops: the probe above, and this.
      if (/route="\/(?:readyz|metrics)"/.test(labels)) continue
      const status = Number(/status="(\d+)"/.exec(labels)?.[1])
      counts.set(status, (counts.get(status) ?? 0) + Number(count))
    }
    return counts
  }

  get port(): number {
    return Number(new URL(this.api).port)
  }

  #told(listener: string): Promise<string> {
    const pattern = new RegExp(`"${listener}":"(http:[^"]*)"`)
    return this.#eventually(async () => pattern.exec(this.output)?.[1] ?? '')
  }

  async #eventually<T extends string | boolean>(look: () => Promise<T>): Promise<T> {
    const deadline = performance.now() + patience
    while (performance.now() < deadline) {
      const found = await look().catch(() => undefined)
      if (found) return found
      if (this.#process === undefined || isGone(this.#process)) break
      await pause(50)
    }
    throw new Error(`the sidecar did not start: ${this.output}`)
  }
}

function isGone({ exitCode, signalCode }: ChildProcess): boolean {
  return exitCode !== null || signalCode !== null
}
