/** The real process: the bundle, under the Node that is pinned, with its log judged line by line. */
import { type ChildProcess, execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import { createWriteStream, type WriteStream } from 'node:fs'
import { rename, writeFile } from 'node:fs/promises'
import { delimiter, dirname, join } from 'node:path'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { traceOfCanary } from '../../test/support/canary-trace.ts'
import type { Findings } from './findings.ts'

export interface Addresses {
  readonly api: string
  readonly ops: string
  readonly proxy: string
}

export interface SidecarOptions {
  /** Where configuration and log are. */
  readonly folder: string
  readonly config: object
  readonly env: Readonly<Record<string, string>>
  readonly findings: Findings
}

interface Line {
  readonly level?: unknown
  readonly msg?: unknown
  readonly err?: unknown
  readonly api?: string
  readonly ops?: string
  readonly proxy?: string
}

/** What the log says of a request that failed through no fault of its caller's (`src/api/failures.ts`). */
const mistakeSaid = 'a request failed inside the sidecar'

/** How long it may take until it is ready, in milliseconds. */
const startWithin = 20_000

/** Builds what is shipped into a folder of its own, so that a build elsewhere does not change what runs. */
export function buildInto(folder: string): string {
  const build = fileURLToPath(new URL('../../scripts/build.ts', import.meta.url))
  execFileSync(process.execPath, [build, '--outdir', folder], { stdio: ['ignore', 'ignore', 'inherit'] })
  return join(folder, 'sidekeep.js')
}

export class Sidecar {
  readonly #child: ChildProcess
  readonly #findings: Findings
  readonly #log: WriteStream
  readonly #config: string
  readonly #messages = new Map<string, number>()
  readonly #addresses: { api?: string; ops?: string; proxy?: string } = {}
  readonly #exited: Promise<{ code: number | null; signal: NodeJS.Signals | null }>
  readonly #ready = Promise.withResolvers<Addresses>()
  #endExpected = false
  #stderr = ''

  /** @param entry the bundle; run as the command that it is, with the options of its first line */
  constructor(entry: string, { folder, env, findings }: SidecarOptions) {
    this.#findings = findings
    this.#config = join(folder, 'sidekeep.yaml')
    this.#log = createWriteStream(join(folder, 'sidekeep.log'))
    const path = [dirname(process.execPath), process.env.PATH].filter(Boolean).join(delimiter)
    this.#child = spawn(entry, ['run', '--config', this.#config], {
      env: { PATH: path, ...env },
      stdio: ['ignore', 'pipe', 'pipe'],
    })
    // Whoever ends this process early leaves none behind.
    const end = (): void => void this.#child.kill('SIGKILL')
    process.once('exit', end)
    if (this.#child.stdout !== null) {
      createInterface({ input: this.#child.stdout }).on('line', (line) => this.#judgeLine(line))
    }
    this.#child.stderr?.setEncoding('utf8').on('data', (text: string) => {
      this.#stderr += text
    })
    this.#exited = once(this.#child, 'close').then(([code, signal]) => {
      process.off('exit', end)
      if (!this.#endExpected) {
        findings.add('the process ended', `exit code ${code}, signal ${signal}: ${firstLines(this.#stderr)}`)
      }
      this.#ready.reject(new Error(`the sidecar ended: ${firstLines(this.#stderr)}`))
      this.#log.end()
      return { code, signal }
    })
    this.#ready.promise.catch(() => {})
  }

  /** Starts it and waits until it is ready. */
  static async start(entry: string, options: SidecarOptions): Promise<Sidecar> {
    await writeFile(join(options.folder, 'sidekeep.yaml'), JSON.stringify(options.config))
    const sidecar = new Sidecar(entry, options)
    const timer = setTimeout(
      () => sidecar.#ready.reject(new Error('the sidecar did not get ready')),
      startWithin,
    )
    try {
      await sidecar.#ready.promise
    } catch (error) {
      await sidecar.kill()
      throw error
    } finally {
      clearTimeout(timer)
    }
    return sidecar
  }

  get addresses(): Promise<Addresses> {
    return this.#ready.promise
  }

  get pid(): number {
    const { pid } = this.#child
    if (pid === undefined) throw new Error('the sidecar did not start')
    return pid
  }

  get isRunning(): boolean {
    return this.#child.exitCode === null && this.#child.signalCode === null
  }

  /** How often a line of the log was said. */
  said(message: string): number {
    return this.#messages.get(message) ?? 0
  }

  /** All lines of the log by what they say, with how often. */
  get messages(): ReadonlyMap<string, number> {
    return this.#messages
  }

  /** Replaces the configuration as an editor does: the file is whole at every moment. */
  async reconfigure(config: object | string): Promise<void> {
    await writeFile(`${this.#config}.new`, typeof config === 'string' ? config : JSON.stringify(config))
    await rename(`${this.#config}.new`, this.#config)
  }

  signal(name: NodeJS.Signals): void {
    this.#child.kill(name)
  }

  /** Asks it to stop. @returns how that ended and how long it took, in milliseconds */
  async stop(): Promise<{ code: number | null; signal: NodeJS.Signals | null; tookMs: number }> {
    this.#endExpected = true
    const began = performance.now()
    this.signal('SIGTERM')
    const exit = await this.#exited
    if (this.#stderr !== '') this.#findings.add('something on standard error', firstLines(this.#stderr))
    return { ...exit, tookMs: performance.now() - began }
  }

  async kill(): Promise<void> {
    this.#endExpected = true
    if (this.isRunning) this.signal('SIGKILL')
    await this.#exited
  }

  #judgeLine(line: string): void {
    this.#log.write(`${line}\n`)
    const trace = traceOfCanary(line)
    if (trace !== undefined) this.#findings.add('a value in the log', trace)
    const entry = parse(line)
    if (entry === undefined) {
      this.#findings.add('a line of the log that is no JSON', `${line.length} characters`)
      return
    }
    const message = String(entry.msg)
    this.#messages.set(message, (this.#messages.get(message) ?? 0) + 1)
    if (entry.level === 'fatal' || /unhandled|uncaught/i.test(line))
      this.#findings.add('a fatal line', message)
    if (message === mistakeSaid)
      this.#findings.add('a mistake inside the sidecar', JSON.stringify(entry.err).slice(0, 300))
    if (message === 'sidekeep started') Object.assign(this.#addresses, pickAddresses(entry))
    if (message.startsWith('ready')) {
      const { api, ops, proxy } = { ...this.#addresses, ...pickAddresses(entry) }
      if (api === undefined || ops === undefined || proxy === undefined) {
        this.#ready.reject(new Error('the log lacks an address'))
      } else this.#ready.resolve({ api, ops, proxy })
    }
  }
}

function pickAddresses({ api, ops, proxy }: Line): { api?: string; ops?: string; proxy?: string } {
  return {
    ...(api === undefined ? {} : { api }),
    ...(ops === undefined ? {} : { ops }),
    ...(proxy === undefined ? {} : { proxy }),
  }
}

function parse(line: string): Line | undefined {
  try {
    return JSON.parse(line) as Line
  } catch {
    return undefined
  }
}

function firstLines(text: string): string {
  return text.slice(0, 1_000).trim()
}
