import { Writable } from 'node:stream'
import type { DestinationStream, Logger } from 'pino'
import { pino, stdTimeFunctions } from 'pino'
import { safeError } from './safe-error.ts'

export type { Logger } from 'pino'

export interface LogOptions {
  readonly level: string
  /** `auto`: pretty on a terminal, JSON elsewhere. */
  readonly format: 'auto' | 'json' | 'pretty'
  /** Where lines go; standard output by default. */
  readonly destination?: DestinationStream & { readonly isTTY?: boolean }
}

/**
 * The log: one JSON object a line, for machines, or pretty lines for people. Whatever is logged as `err` goes through
 * `safeError`. Writes are synchronous, so that the last line before an exit is not lost; lines are few.
 */
export async function createLog(options: LogOptions): Promise<Logger> {
  const isTerminal = options.destination === undefined ? process.stdout.isTTY : options.destination.isTTY
  const pretty = options.format === 'pretty' || (options.format === 'auto' && isTerminal === true)
  const destination = pretty
    ? await prettyStream(options.destination)
    : (options.destination ?? pino.destination({ fd: 1, sync: true }))
  return pino(
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
