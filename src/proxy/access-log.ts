import type { Logger } from 'pino'
import type { ProxyConfig } from '../config/schema.ts'
import type { ErrorCode } from '../errors.ts'
import { judge, quotaOf } from '../limits/gcra.ts'
import type { Clock } from '../secrets/clock.ts'
import { pathOf } from './admission.ts'
import type { Exchange } from './exchange.ts'

type Settings = ProxyConfig['access']

/** What the log has of a request beside what its exchange knows. */
export interface Described {
  readonly target: string
  readonly client: { readonly address: string | undefined }
  readonly requestId: string
}

/** How many lines of one kind may be written, and how many were not. */
class Sample {
  readonly #quota: ReturnType<typeof quotaOf>
  #tat = 0
  #omitted = 0

  constructor(perSecond: number) {
    this.#quota = quotaOf(perSecond, Math.max(1, Math.ceil(perSecond)))
  }

  /** How many were left out since the last line; undefined where this one is left out too. */
  take(now: number): number | undefined {
    const verdict = judge(this.#quota, this.#tat, now)
    if (!verdict.allowed) {
      this.#omitted += 1
      return undefined
    }
    this.#tat = verdict.tat
    const omitted = this.#omitted
    this.#omitted = 0
    return omitted
  }
}

/**
 * One line for each request, or for some. The path is there only where that is wanted, as it was sent and without the
 * query, which is where tokens are passed.
 */
export class AccessLog {
  readonly #log: Logger
  readonly #clock: Pick<Clock, 'now'>
  #kind: Settings['log']
  #hasPath: boolean
  #errors: Sample
  #rest: Sample

  constructor(settings: Settings, log: Logger, clock: Pick<Clock, 'now'>) {
    this.#log = log
    this.#clock = clock
    this.#kind = settings.log
    this.#hasPath = settings.path
    this.#errors = new Sample(settings.sampleRate)
    this.#rest = new Sample(settings.sampleRate)
  }

  change({ log, path, sampleRate }: Settings): void {
    this.#kind = log
    this.#hasPath = path
    this.#errors = new Sample(sampleRate)
    this.#rest = new Sample(sampleRate)
  }

  /** The exchange is over, after so many milliseconds. */
  write(exchange: Exchange, { target, client, requestId }: Described, durationMs: number): void {
    const { status, errorCode } = exchange
    const omitted = this.#omitted(errorCode !== undefined || status >= 500)
    if (omitted === undefined) return
    this.#log.info(
      {
        method: exchange.request.method,
        ...(this.#hasPath ? { path: fit(pathOf(target)) } : {}),
        status,
        ...(errorCode === undefined ? {} : { code: errorCode }),
        durationMs: Math.round(durationMs * 10) / 10,
        received: exchange.bytesReceived,
        sent: exchange.bytesSent,
        ...(client.address === undefined ? {} : { client: client.address }),
        requestId,
        ...(omitted === 0 ? {} : { omitted }),
      },
      'proxied',
    )
  }

  /** What no exchange was made of, as it is no request that could be read. */
  refused({ client, ...said }: { status: number; code: ErrorCode; client: string | undefined }): void {
    const omitted = this.#omitted(true)
    if (omitted === undefined) return
    const further = { ...(client === undefined ? {} : { client }), ...(omitted === 0 ? {} : { omitted }) }
    this.#log.info({ ...said, ...further }, 'proxied')
  }

  /** How many lines were left out before this one; undefined where this one is left out too. */
  #omitted(isError: boolean): number | undefined {
    switch (this.#kind) {
      case 'none':
        return undefined
      case 'errors':
        return isError ? 0 : undefined
      case 'all':
        return 0
      case 'sampled':
        return (isError ? this.#errors : this.#rest).take(this.#clock.now())
    }
  }
}

/** Characters of a path that a line has. */
const longestPath = 512

function fit(path: string): string {
  return path.length > longestPath ? `${path.slice(0, longestPath)}…` : path
}
