import { type ChildProcessByStdio, spawn } from 'node:child_process'
import type { Readable } from 'node:stream'
import { type Clock, ProviderError } from '../../../secrets/provider.ts'

/** A credential is a few KiB; a program that writes more is another one. */
const maxOutput = 256 * 1024

export interface Program {
  /** An absolute path, or a name that PATH leads to. No shell reads it. */
  readonly command: string
  readonly args: readonly string[]
  readonly env: NodeJS.ProcessEnv
  readonly folder: string
  /** Milliseconds. */
  readonly timeout: number
  readonly clock: Clock
  readonly signal: AbortSignal
  /** For messages. */
  readonly place: string
}

/**
 * What a program writes to its standard output. It has no standard input, and what it says on standard error is not read:
 * it may quote anything. Rejects with a ProviderError where it cannot be started, fails, hangs or writes too much; it is
 * killed then.
 */
export async function runProgram(program: Program): Promise<Buffer> {
  const { timeout, clock, signal, place } = program
  const { promise, resolve, reject } = Promise.withResolvers<Buffer>()
  const fail = (words: string): void =>
    reject(new ProviderError('unavailable', 'credential', `${place} ${words}`))
  const notStarted = (error: unknown): void => {
    // Not kept: such an error quotes the arguments.
    const code = error instanceof Error && 'code' in error ? String(error.code) : 'unknown error'
    fail(`cannot be started (${code}). Is it installed, and does PATH lead to it?`)
  }
  const abort = (): void =>
    reject(new ProviderError('unavailable', 'aborted', `${place}: the provider was closed.`))
  const child = signal.aborted ? abort() : started(program, notStarted)
  if (child) {
    const chunks: Buffer[] = []
    let size = 0
    child.on('error', notStarted)
    child.stdout.on('data', (chunk: Buffer) => {
      size += chunk.length
      if (size > maxOutput) fail(`wrote more than ${maxOutput} bytes. Is it the right one?`)
      else chunks.push(chunk)
    })
    // `close` rather than `exit`: only then everything that was written has been read.
    child.on('close', (code, killedBy) => {
      if (code === 0) resolve(Buffer.concat(chunks, size))
      else fail(`failed (${code ?? killedBy}). Run it by hand to see why.`)
      for (const chunk of chunks) chunk.fill(0)
    })
    const timer = clock.setTimer(
      () => fail(`did not end within ${timeout} ms. Does it wait for somebody to log in?`),
      timeout,
    )
    signal.addEventListener('abort', abort, { once: true })
    const end = (): void => {
      timer.cancel()
      signal.removeEventListener('abort', abort)
      child.kill('SIGKILL')
      // A child of its own may hold the pipe open for ever.
      child.stdout.destroy()
    }
    promise.then(end, end)
  }
  return await promise
}

/** Some failures to start are thrown, such as that a part of the path is no directory; others are events of the child. */
function started(
  { command, args, env, folder }: Program,
  failed: (error: unknown) => void,
): ChildProcessByStdio<null, Readable, null> | undefined {
  try {
    return spawn(command, args, { cwd: folder, env, stdio: ['ignore', 'pipe', 'ignore'], shell: false })
  } catch (error) {
    failed(error)
    return undefined
  }
}
