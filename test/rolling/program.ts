/** A program as a process of its own, with what it says and how it ends. */
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { eventually } from '../support/e2e-eventually.ts'

export interface Exit {
  readonly code: number | null
  readonly signal: NodeJS.Signals | null
}

export class Program {
  readonly exited: Promise<Exit>
  /** Standard output and standard error, as they came. */
  output = ''
  readonly #process: ChildProcess
  #isGone = false

  /** Nothing of the environment is inherited but PATH. */
  constructor(file: string, args: readonly string[], env: Readonly<Record<string, string>> = {}) {
    const { PATH = '' } = process.env
    this.#process = spawn(file, args, { env: { PATH, ...env }, stdio: ['ignore', 'pipe', 'pipe'] })
    for (const stream of [this.#process.stdout, this.#process.stderr]) {
      stream?.setEncoding('utf8').on('data', (text: string) => {
        this.output += text
      })
    }
    this.#process.on('error', (error) => {
      this.output += `${error.message}\n`
    })
    // `close` rather than `exit`: only then everything that was written has been read.
    this.exited = once(this.#process, 'close').then(([code, signal]) => {
      this.#isGone = true
      return { code, signal }
    })
    // Told by whoever waits for it; where nobody does, a failed start is no unhandled one.
    this.exited.catch(() => {})
  }

  get isGone(): boolean {
    return this.#isGone
  }

  signal(name: NodeJS.Signals): void {
    this.#process.kill(name)
  }

  /** For the end of the check, whatever it was doing. */
  async kill(): Promise<void> {
    if (!this.#isGone) this.signal('SIGKILL')
    await this.exited.catch(() => {})
  }

  /** Waits for text in what it says, and gives the first group of the pattern. */
  async says(what: string, pattern: RegExp): Promise<string> {
    return await eventually(what, () => {
      const found = pattern.exec(this.output)?.[1]
      if (found === undefined && this.#isGone) throw new Error(`it has ended: ${this.output}`)
      return found
    })
  }
}
