import { write, writeSync } from 'node:fs'
import { Writable } from 'node:stream'
import type { DestinationStream, Logger } from 'pino'
import { pino, stdTimeFunctions } from 'pino'
import { liveValues, type Redactor } from './redaction/live-values.ts'
import { safeError } from './safe-error.ts'

export type { Logger } from 'pino'

export interface LogOptions {
  readonly level: string
  /** `auto`: pretty on a terminal, JSON elsewhere. */
  readonly format: 'auto' | 'json' | 'pretty'
  /** Where lines go; standard output by default. */
  readonly destination?: DestinationStream & { readonly isTTY?: boolean }
  /** What no line may carry; by default what this process holds. */
  readonly values?: Redactor
}

/** Where a log's lines go: takes whole lines of others among its own. */
export interface LogOutput {
  /** @param settled is told whether they were written, or dropped since nobody reads them */
  write(lines: string, settled?: (isWritten: boolean) => void): void
}

const outputs = new WeakMap<Logger, LogOutput>()

/** How much may wait for a reader that stalls, in bytes; what comes beyond it is dropped, and counted. */
const maxWaiting = 1024 * 1024
/** Between two attempts at a pipe that is full, in milliseconds. */
const retryAfter = 50
/** How long an end of the process waits for the last lines to be read, in milliseconds. */
const flushTimeout = 500

/**
 * The log: one JSON object a line, for machines, or pretty lines for people. Whatever is logged as `err` goes through
 * `safeError`, and every line through `LiveValues`, as late as can be. A reader that stalls costs lines and nothing else;
 * who ends the process calls `flushLog` before. Pretty lines are written synchronously: they are for a terminal.
 */
export async function createLog(options: LogOptions): Promise<Logger> {
  // On standard output the look has an effect too, which `Output` needs: it makes a pipe one that does not block.
  const isTerminal = options.destination === undefined ? process.stdout.isTTY : options.destination.isTTY
  const pretty = options.format === 'pretty' || (options.format === 'auto' && isTerminal === true)
  const { values = liveValues } = options
  const tellDropped = (dropped: number): void => log.error({ dropped }, 'log lines were dropped')
  const other = pretty ? await prettyStream(options.destination) : options.destination
  const destination = other === undefined ? new Output(values, tellDropped) : redacting(other, values)
  const log = pino(
    {
      level: options.level,
      base: null,
      timestamp: stdTimeFunctions.isoTime,
      formatters: { level: (label) => ({ level: label }) },
      serializers: { err: safeError },
      hooks: {
        logMethod(args, method) {
          const [fields, message] = args
          // Without a message of ours pino takes the error's, which may quote anything.
          if (message === undefined && isErrorful(fields)) {
            method.call(this, fields instanceof Error ? { err: fields } : fields, 'error')
          } else method.apply(this, args)
        },
      },
    },
    destination,
  )
  outputs.set(log, destination instanceof Output ? destination : plainOutput(destination))
  return log
}

/** Where the lines of a log go that `createLog` made. */
export function outputOf(log: Logger): LogOutput {
  const output = outputs.get(log)
  if (output === undefined) throw new Error('this log was not made here')
  return output
}

/** Of a destination that tells nothing: what it has taken counts as written. */
function plainOutput(destination: DestinationStream): LogOutput {
  return {
    write(lines, settled) {
      destination.write(lines)
      settled?.(true)
    },
  }
}

/** What waits to be written: one line, or some that came together. */
interface Waiting {
  readonly text: string
  readonly settled: ((isWritten: boolean) => void) | undefined
}

/** Resolves when all lines are written, or when nobody has read them for half a second. */
export async function flushLog(log: Logger): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>()
  const timer = setTimeout(resolve, flushTimeout)
  log.flush(() => resolve())
  await promise
  clearTimeout(timer)
}

/**
 * Writes to standard output, and neither waits for its reader nor keeps more than `maxWaiting` for it. Not pino's own
 * destination: at an exit that one writes synchronously until everything is read, which may be never. Not
 * `process.stdout` either: it keeps without bound, and a reader that goes away would end the process (main.ts).
 */
class Output implements DestinationStream, LogOutput {
  readonly #values: Redactor
  readonly #tellDropped: (lines: number) => void
  #waiting: Waiting[] = []
  /** Of what waits and of what is being written. */
  #bytes = 0
  #state: 'idle' | 'writing' | 'stalled' = 'idle'
  #dropped = 0
  #flushes: (() => void)[] = []

  /** @param tellDropped is called with how many lines were dropped as soon as lines are read again */
  constructor(values: Redactor, tellDropped: (lines: number) => void) {
    this.#values = values
    this.#tellDropped = tellDropped
    process.once('exit', () => this.#writeLast())
  }

  write(text: string, settled?: (isWritten: boolean) => void): void {
    const size = Buffer.byteLength(text)
    if (this.#bytes + size > maxWaiting) {
      // Whoever wants to be told counts by themselves.
      if (settled === undefined) this.#dropped += 1
      else settled(false)
      return
    }
    this.#waiting.push({ text, settled })
    this.#bytes += size
    if (this.#state === 'idle') this.#writeNext()
  }

  /** Has this name and shape for pino, whose `log.flush` calls it. */
  flush(done: () => void): void {
    if (this.#state === 'idle') done()
    else this.#flushes.push(done)
  }

  /** @param mayWait whether lines may wait until the values are taken in that have just come, where these are many */
  #writeNext(mayWait = true): void {
    if (this.#waiting.length === 0) {
      this.#state = 'idle'
      for (const done of this.#flushes.splice(0)) done()
      return
    }
    const caughtUp = mayWait ? this.#values.caughtUp?.() : undefined
    if (caughtUp !== undefined) {
      this.#state = 'writing'
      void caughtUp.then(() => this.#writeNext(false))
      return
    }
    const lines = this.#waiting.splice(0)
    const chunk = Buffer.from(textOf(lines))
    // All that came meanwhile at once: a look at each line alone costs more.
    const redacted = this.#values.redact(chunk)
    this.#bytes += redacted.length - chunk.length
    this.#writeAll(redacted, lines)
  }

  #writeAll(chunk: Buffer, lines: readonly Waiting[]): void {
    this.#state = 'writing'
    // In the thread pool, so that even where somebody made the pipe block again the process goes on. As a rule it
    // does not block: a thread that never came back would keep `process.exit` from ending the process.
    write(1, chunk, (error, written) => {
      if (error?.code === 'EAGAIN') {
        this.#state = 'stalled'
        setTimeout(() => this.#writeAll(chunk, lines), retryAfter).unref()
        return
      }
      if (error === null && written < chunk.length) {
        this.#bytes -= written
        this.#writeAll(chunk.subarray(written), lines)
        return
      }
      this.#bytes -= chunk.length
      // A reader that is gone, a disk that is full: no reason to end.
      if (error !== null) this.#dropped += lines.filter(({ settled }) => settled === undefined).length
      else if (this.#dropped > 0 && this.#waiting.length === 0) {
        const dropped = this.#dropped
        this.#dropped = 0
        this.#tellDropped(dropped)
      }
      for (const { settled } of lines) settled?.(error === null)
      this.#writeNext()
    })
  }

  /** At an exit that nobody prepared: what can be written at once is, unless the reader is known to stall. */
  #writeLast(): void {
    if (this.#state === 'stalled' || this.#waiting.length === 0) return
    try {
      writeSync(1, this.#values.redact(Buffer.from(textOf(this.#waiting))))
    } catch {
      // Then nobody reads it.
    }
  }
}

function textOf(lines: readonly Waiting[]): string {
  return lines.map(({ text }) => text).join('')
}

/** Lines as pino gives them: one at each call. */
function redacting(destination: DestinationStream, values: Redactor): DestinationStream {
  return {
    write: (line) => {
      destination.write(values.redactText(line))
    },
  }
}

function isErrorful(fields: unknown): fields is object {
  return fields instanceof Error || (typeof fields === 'object' && fields !== null && 'err' in fields)
}

async function prettyStream(destination: DestinationStream | undefined): Promise<DestinationStream> {
  const { default: pretty } = await import('pino-pretty')
  const options = { sync: true, translateTime: 'SYS:HH:MM:ss.l' } as const
  if (destination === undefined) return pretty(options)
  const stream = new Writable({
    write(chunk, _encoding, done) {
      destination.write(String(chunk))
      done()
    },
  })
  return pretty({ ...options, destination: stream, colorize: false })
}
