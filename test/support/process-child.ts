/** Runs the real program as a process of its own, and sees to it that none is left when a test ends. */
import type { ChildProcess } from 'node:child_process'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import type { Test } from 'tap'
import { inTime } from './e2e-eventually.ts'

export const root = join(import.meta.dirname, '..', '..')
/** The program as the sources have it; the bundle is another entry. */
export const sources = join(root, 'src', 'main.ts')

export interface ChildOptions {
  /** The program's file. */
  readonly entry?: string
  readonly cwd?: string
  /** Beside PATH, which alone is inherited: what is set on the machine that tests must not matter. */
  readonly env?: Readonly<Record<string, string>>
  /** Options of Node itself. */
  readonly nodeArgs?: readonly string[]
}

export interface Exit {
  readonly code: number | null
  readonly signal: NodeJS.Signals | null
}

/** A run that has ended, with all that it said. */
export interface Finished extends Exit {
  readonly stdout: string
  readonly stderr: string
  /** Standard output as it was, for values that are no text. */
  readonly bytes: Buffer
}

export class Child {
  readonly exited: Promise<Exit>
  readonly process: ChildProcess
  readonly #stdout: Buffer[] = []
  #stderr = ''
  #isGone = false

  constructor(args: readonly string[], { entry = sources, cwd, env = {}, nodeArgs = [] }: ChildOptions) {
    const { PATH = '' } = process.env
    this.process = spawn(process.execPath, [...nodeArgs, entry, ...args], {
      cwd,
      env: { PATH, ...env },
      stdio: ['ignore', 'pipe', 'pipe'],
    })
    this.process.stdout?.on('data', (chunk: Buffer) => this.#stdout.push(chunk))
    this.process.stderr?.setEncoding('utf8').on('data', (text: string) => {
      this.#stderr += text
    })
    // `close` rather than `exit`: only then everything that was written has been read.
    this.exited = once(this.process, 'close').then(([code, signal]) => {
      this.#isGone = true
      return { code, signal }
    })
  }

  get pid(): number {
    if (this.process.pid === undefined) throw new Error('the process did not start')
    return this.process.pid
  }

  get bytes(): Buffer {
    return Buffer.concat(this.#stdout)
  }

  get stdout(): string {
    return this.bytes.toString('utf8')
  }

  get stderr(): string {
    return this.#stderr
  }

  get isGone(): boolean {
    return this.#isGone
  }

  signal(name: NodeJS.Signals): void {
    this.process.kill(name)
  }

  async ended(withinMs?: number): Promise<Finished> {
    const { code, signal } = await inTime('the end of the process', this.exited, withinMs)
    return { code, signal, stdout: this.stdout, stderr: this.stderr, bytes: this.bytes }
  }
}

/** Starts the program; it is killed at the end of the test if it still runs. */
export function startChild(t: Test, args: readonly string[], options: ChildOptions = {}): Child {
  const child = new Child(args, options)
  t.teardown(async () => {
    if (!child.isGone) child.signal('SIGKILL')
    await child.exited
  })
  return child
}

/** Runs the program to its end. */
export async function run(t: Test, args: readonly string[], options: ChildOptions = {}): Promise<Finished> {
  return await startChild(t, args, options).ended()
}
