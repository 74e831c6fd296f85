/** The built bundle with limits in front of the application, and what it says of them. */
import { mkdtempSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { Program } from '../rolling/program.ts'
import { eventually, inTime } from '../support/e2e-eventually.ts'

export interface SidecarOptions {
  readonly bundle: string
  /** For the configuration and the secrets. */
  readonly folder: string
  /** The port of the application. */
  readonly application: number
  /** Of `proxy`, beside where it listens and where it forwards to. */
  readonly proxy: Readonly<Record<string, unknown>>
  /** What Redis' password is at the start; undefined: the secret is not there yet. */
  readonly password?: string | undefined
}

/** A line of the log, as far as it is looked at. */
export interface Line {
  readonly level: string
  readonly msg: string
  readonly code?: string
  readonly afterMs?: number
}

export const complains = ({ level }: Line): boolean => level === 'warn' || level === 'error'

export class Sidecar {
  readonly #program: Program
  readonly #secrets: string
  /** Addresses; empty until they are known. */
  #proxy = ''
  #ops = ''

  constructor({ bundle, folder, application, proxy, password }: SidecarOptions) {
    const own = mkdtempSync(join(folder, 'sidecar-'))
    this.#secrets = mkdtempSync(join(folder, 'secrets-'))
    if (password !== undefined) this.setPassword(password)
    const config = {
      api: { listen: '127.0.0.1:0' },
      ops: { listen: '127.0.0.1:0' },
      providers: { files: { type: 'file', path: this.#secrets, poll: '100ms' } },
      secrets: { redis: { provider: 'files', required: true } },
      proxy: {
        listen: '127.0.0.1:0',
        upstream: `http://127.0.0.1:${application}`,
        access: { log: 'none' },
        ...proxy,
      },
      shutdown: { notice: '0s' },
      log: { format: 'json' },
    }
    writeFileSync(join(own, 'config.yaml'), JSON.stringify(config))
    const args = [bundle, 'run', '--config', join(own, 'config.yaml')]
    this.#program = new Program(process.execPath, args)
  }

  /** As the provider has it from now on. */
  setPassword(password: string): void {
    writeFileSync(join(this.#secrets, 'redis'), password)
  }

  /** Waits until the API answers. */
  async opens(): Promise<void> {
    this.#ops = await this.#program.says('the API', /"ops":"(http:[^"]+)"/)
  }

  /** @returns milliseconds that the start took by its own account */
  async getsReady(): Promise<number> {
    this.#proxy = await this.#program.says('ready', /"proxy":"(http:[^"]+)","msg":"ready/)
    return this.lines.find(({ msg }) => msg.startsWith('ready'))?.afterMs ?? Number.NaN
  }

  get proxyPort(): number {
    return Number(new URL(this.#proxy).port)
  }

  get isGone(): boolean {
    return this.#program.isGone
  }

  get log(): string {
    return this.#program.output
  }

  get lines(): Line[] {
    // The last one may not have come whole.
    const whole = this.log.slice(0, this.log.lastIndexOf('\n') + 1)
    return whole
      .split('\n')
      .filter((line) => line.startsWith('{'))
      .map((line): Line => JSON.parse(line))
  }

  /** What it warned of, or worse. */
  get complaints(): Line[] {
    return this.lines.filter(complains)
  }

  async metrics(): Promise<string> {
    return await (await fetch(`${this.#ops}/metrics`)).text()
  }

  async isReady(): Promise<boolean> {
    return (await fetch(`${this.#ops}/readyz`)).ok
  }

  /** The sum of a metric over its labels, or over those that have this one. */
  async metric(name: string, label = ''): Promise<number> {
    const lines = (await this.metrics()).split('\n')
    const own = lines.filter((line) => /^[^{ ]+/.exec(line)?.[0] === name && line.includes(label))
    return own.reduce((sum, line) => sum + Number(line.slice(line.lastIndexOf(' ') + 1)), 0)
  }

  async says(what: string, isSaid: (lines: Line[]) => boolean): Promise<void> {
    await eventually(what, () => isSaid(this.lines))
  }

  /** @returns its exit code */
  async stop(): Promise<number | null> {
    this.#program.signal('SIGTERM')
    return (await inTime('its end', this.#program.exited)).code
  }

  async kill(): Promise<void> {
    await this.#program.kill()
  }
}
