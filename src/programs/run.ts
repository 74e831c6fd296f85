import { type ChildProcess, spawn } from 'node:child_process'
import type { Clock, Timer } from '../secrets/clock.ts'
import { groupBegan, groupEnded, killGroup } from './groups.ts'

/** What is run. */
export interface Program {
  readonly file: string
  readonly args: readonly string[]
  readonly env: Readonly<Record<string, string>>
  readonly workingDirectory: string
}

/** How a run ended. */
export type Result =
  /** `output` is what came on standard output, for the one who gets it to overwrite. */
  | { readonly how: 'exited'; readonly code: number; readonly output: Buffer; readonly errorBytes: number }
  | { readonly how: 'killed'; readonly signal: string; readonly errorBytes: number }
  | { readonly how: 'oversized' }
  /** `code` is Node's, such as ENOENT. */
  | { readonly how: 'not started'; readonly code: string }

/** Milliseconds that the program has to end by itself after SIGTERM. */
const grace = 2000
/** Milliseconds without output after which nothing more is waited for, once the program itself has ended. */
const quiet = 100

/**
 * One run of a program, in a process group of its own, so that what it starts can be ended with it. Its standard input
 * is empty. What it writes to standard error is counted and forgotten: it may hold anything. Where nobody wants its
 * output either, both go nowhere, so that neither can fill up or break.
 */
export class Run {
  readonly #clock: Clock
  readonly #maxBody: number | undefined
  readonly #child: ChildProcess | undefined
  readonly #result = Promise.withResolvers<Result>()
  readonly #over = Promise.withResolvers<void>()
  readonly #chunks: Buffer[] = []
  #size = 0
  #errorBytes = 0
  /** Nobody wants the output any more. */
  #isDiscarded = false
  /** The program itself has ended; what it has started may still be there. */
  #ended: { readonly code: number | null; readonly signal: string | null } | undefined
  #isOver = false
  #timer: Timer | undefined

  /** Starts it. @param maxBody bytes of output; undefined where nobody wants any */
  constructor(program: Program, clock: Clock, maxBody: number | undefined) {
    this.#clock = clock
    this.#maxBody = maxBody
    try {
      this.#child = spawn(program.file, program.args, {
        env: { ...program.env },
        cwd: program.workingDirectory,
        stdio: maxBody === undefined ? 'ignore' : ['ignore', 'pipe', 'pipe'],
        detached: true,
        shell: false,
      })
    } catch (error) {
      // Not kept: such an error quotes the argument or the variable that it is about.
      this.#finish({ how: 'not started', code: codeOf(error) })
      return
    }
    if (this.#child.pid !== undefined) groupBegan(this.#child.pid)
    this.#watch(this.#child)
  }

  /** How it ended. Known before the program is gone where it is killed for what it has written. */
  get result(): Promise<Result> {
    return this.#result.promise
  }

  /** Resolves when the program is gone, and the pipes to it are closed. */
  get over(): Promise<void> {
    return this.#over.promise
  }

  /** Ends it: SIGTERM to it and to all that it has started, SIGKILL after the grace. What it has written is overwritten. */
  kill(): void {
    if (this.#isOver) return
    this.#discard()
    if (this.#ended !== undefined) {
      this.#close()
      return
    }
    this.#signal('SIGTERM')
    this.#timer?.cancel()
    this.#timer = this.#clock.setTimer(() => this.#signal('SIGKILL'), grace)
  }

  #watch(child: ChildProcess): void {
    child.on('error', (error) => {
      if (child.pid === undefined) this.#finish({ how: 'not started', code: codeOf(error) })
    })
    child.once('exit', (code, signal) => {
      this.#timer?.cancel()
      this.#ended = { code, signal }
      if (this.#isDiscarded || child.stdout?.readableEnded !== false) this.#close()
      else this.#waitForQuiet()
    })
    child.stdout?.on('data', (chunk: Buffer) => this.#take(chunk))
    child.stdout?.once('end', () => {
      if (this.#ended !== undefined) this.#close()
    })
    child.stderr?.on('data', (chunk: Buffer) => {
      this.#errorBytes += chunk.length
      chunk.fill(0)
    })
    // What came through a pipe that broke may not be all.
    child.stdout?.on('error', () => this.kill())
    child.stderr?.on('error', () => {})
  }

  #take(chunk: Buffer): void {
    this.#size += chunk.length
    if (this.#isDiscarded) chunk.fill(0)
    else if (this.#maxBody !== undefined && this.#size > this.#maxBody) {
      chunk.fill(0)
      this.#result.resolve({ how: 'oversized' })
      this.kill()
    } else this.#chunks.push(chunk)
    if (this.#ended !== undefined && !this.#isDiscarded) this.#waitForQuiet()
  }

  /**
   * The program has ended, and something that it has started holds its standard output open. What the program wrote is
   * in the pipe and arrives in the next turns; the end of the pipe may never come.
   */
  #waitForQuiet(): void {
    this.#timer?.cancel()
    this.#timer = this.#clock.setTimer(() => {
      const before = this.#size
      // Where the process itself was held up, the timer is due before the pipe was looked at.
      setImmediate(() => {
        if (this.#size === before && !this.#isOver) this.#close()
      })
    }, quiet)
  }

  /** What is left of the group goes with the program. Only called once the program itself is gone. */
  #close(): void {
    this.#signal('SIGKILL')
    const { code = null, signal = null } = this.#ended ?? {}
    if (this.#isDiscarded || code === null) {
      this.#discard()
      this.#finish({ how: 'killed', signal: signal ?? 'unknown', errorBytes: this.#errorBytes })
      return
    }
    const output = Buffer.concat(this.#chunks)
    this.#discard()
    this.#finish({ how: 'exited', code, output, errorBytes: this.#errorBytes })
  }

  #finish(result: Result): void {
    if (this.#isOver) return
    this.#isOver = true
    if (this.#child?.pid !== undefined) groupEnded(this.#child.pid)
    this.#timer?.cancel()
    this.#child?.stdout?.destroy()
    this.#child?.stderr?.destroy()
    this.#result.resolve(result)
    this.#over.resolve()
  }

  #discard(): void {
    this.#isDiscarded = true
    for (const chunk of this.#chunks) chunk.fill(0)
    this.#chunks.length = 0
  }

  #signal(signal: 'SIGTERM' | 'SIGKILL'): void {
    const pid = this.#child?.pid
    // Once it is over, the number may be another's.
    if (pid !== undefined && !this.#isOver) killGroup(pid, signal)
  }
}

function codeOf(error: unknown): string {
  return error instanceof Error && 'code' in error && typeof error.code === 'string'
    ? error.code
    : 'unknown error'
}
