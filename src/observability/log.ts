import type { DestinationStream, Logger } from 'pino'
import { pino, stdTimeFunctions } from 'pino'
import { safeError } from './safe-error.ts'

export type { Logger } from 'pino'

export interface LogOptions {
  readonly level: string
  /** `auto`: pretty on a terminal, JSON elsewhere. */
  readonly format: 'auto' | 'json' | 'pretty'
  /** Where lines go; standard output by default. */
  readonly destination?: DestinationStream & { isTTY?: boolean }
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
    },
    destination,
  )
}

async function prettyStream(destination: DestinationStream | undefined): Promise<DestinationStream> {
  const { default: pretty } = await import('pino-pretty')
  return pretty({
    sync: true,
    translateTime: 'SYS:HH:MM:ss.l',
    ...(destination === undefined ? {} : { destination, colorize: false }),
  })
}
