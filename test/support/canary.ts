import type { ChildProcess } from 'node:child_process'
import { type Readable, Writable } from 'node:stream'
import { inspect } from 'node:util'
import type { Test } from 'tap'
import { traceOfCanary } from './canary-trace.ts'

export { canaryMarker, traceOf, traceOfCanary } from './canary-trace.ts'

/**
 * Holds the outputs of a test against the canaries in it. Create it first in a test: teardowns run last to first, so
 * that it judges after everything else has stopped. The test fails at its end when anything watched carried a secret's
 * value, or when this process itself wrote one to its stdout or stderr.
 */
export interface CanaryGuard {
  /** Fails the test now where an output carries a canary. Anything but text and bytes is judged as it would print. */
  noLeak(where: string, output: unknown): void
  /** Judges at the end what comes out of a stream until then, without taking it from other readers. */
  watch(where: string, stream: Readable): void
  /** Judges at the end what a child process wrote to its pipes, a crash report included. */
  watchChild(where: string, child: ChildProcess): void
  /** A stream to write to, such as a log's destination, judged at the end. */
  sink(where: string): Writable
  /** What came so far from the streams of that name, in order. */
  textOf(where: string): string
}

export function canaryGuard(t: Test): CanaryGuard {
  const outputs = new Map<string, Buffer[]>()
  const collect = (where: string, chunk: unknown): void => {
    const chunks = outputs.get(where) ?? []
    outputs.set(where, chunks)
    chunks.push(chunk instanceof Uint8Array ? Buffer.from(chunk) : Buffer.from(printed(chunk)))
  }
  const release = watchOwnOutput(collect)

  t.teardown(() => {
    release()
    const leaks: string[] = []
    for (const [where, chunks] of outputs) {
      // All of it at once: a value may be split over two chunks.
      const trace = traceOfCanary(Buffer.concat(chunks))
      if (trace !== undefined) leaks.push(`${where} (${trace})`)
    }
    if (leaks.length > 0) throw new Error(`A secret's value leaked into ${leaks.join(', ')}.`)
  })

  const watch = (where: string, stream: Readable): void => {
    stream.on('data', (chunk: unknown) => collect(where, chunk))
  }
  return {
    noLeak(where, output) {
      const trace = traceOfCanary(output instanceof Uint8Array ? output : printed(output))
      t.equal(trace, undefined, `${where} carries no secret's value`)
    },
    watch,
    watchChild(where, child) {
      if (child.stdout === null && child.stderr === null) throw new Error(`${where} has no pipes to watch`)
      if (child.stdout !== null) watch(`the stdout of ${where}`, child.stdout)
      if (child.stderr !== null) watch(`the stderr of ${where}`, child.stderr)
    },
    sink(where) {
      return new Writable({
        write(chunk, _encoding, done) {
          collect(where, chunk)
          done()
        },
      })
    },
    textOf: (where) => Buffer.concat(outputs.get(where) ?? []).toString('utf8'),
  }
}

/** An object as it would reach a log or a terminal: through JSON and through `util.inspect`, hidden members too. */
function printed(output: unknown): string {
  if (typeof output === 'string') return output
  const options = { depth: 10, showHidden: true, maxStringLength: null, maxArrayLength: null } as const
  return `${inspect(output, options)}\n${json(output)}`
}

function json(output: unknown): string {
  try {
    return JSON.stringify(output) ?? ''
  } catch {
    // A circle, or a bigint: what JSON cannot print, it cannot leak.
    return ''
  }
}

type Listener = (where: string, chunk: unknown) => void

const listeners = new Set<Listener>()

/**
 * Sees what this process itself writes: a stray console.log, a warning, tap's own report. tap prints values only where
 * an assertion failed, and then the test has failed anyway.
 */
function watchOwnOutput(listener: Listener): () => void {
  if (listeners.size === 0) unwrap = wrapOwnOutput()
  listeners.add(listener)
  return () => {
    listeners.delete(listener)
    if (listeners.size === 0) unwrap()
  }
}

let unwrap = (): void => {}

function wrapOwnOutput(): () => void {
  const undo = (['stdout', 'stderr'] as const).map((name) => {
    const stream = process[name]
    const write = stream.write
    stream.write = ((...args: Parameters<typeof write>) => {
      for (const listener of listeners) listener(`this process's own ${name}`, args[0])
      return write.apply(stream, args)
    }) as typeof write
    return () => {
      stream.write = write
    }
  })
  return () => {
    for (const one of undo) one()
  }
}
