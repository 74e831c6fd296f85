import type { Logger } from 'pino'
import { CodedError } from '../errors.ts'
import type { Clock } from '../secrets/clock.ts'
import type { ProxyObserver, UpstreamFailure } from './observer.ts'

/** Milliseconds: an application that is down fails every request, and one line says as much as ten thousand. */
const logInterval = 10_000

/** Tells the metrics of every failure of the application, and the log of some. */
export class FailureReport {
  readonly #log: Logger
  readonly #clock: Clock
  readonly #observer: ProxyObserver
  #loggedAt = Number.NEGATIVE_INFINITY
  #unlogged = 0

  constructor({ log, clock, observer }: { log: Logger; clock: Clock; observer: ProxyObserver }) {
    this.#log = log
    this.#clock = clock
    this.#observer = observer
  }

  add(reason: UpstreamFailure, error: Error): void {
    this.#observer.upstreamFailed({ reason })
    const now = this.#clock.now()
    if (now - this.#loggedAt < logInterval) {
      this.#unlogged += 1
      return
    }
    const code = codeOf(error)
    const fields = { reason, ...(code === undefined ? {} : { code }), unlogged: this.#unlogged }
    this.#log.warn(fields, 'a request to the application behind the proxy failed')
    this.#loggedAt = now
    this.#unlogged = 0
  }
}

/** @param wasSent whether anything of the request was sent */
export function reasonOf(error: Error, wasSent: boolean): UpstreamFailure {
  switch (codeOf(error)) {
    case 'UND_ERR_CONNECT_TIMEOUT':
    case 'ETIMEDOUT':
      return wasSent ? 'reset' : 'connect_timeout'
    case 'UND_ERR_HEADERS_TIMEOUT':
      return 'headers_timeout'
    case 'UND_ERR_BODY_TIMEOUT':
      return 'idle_timeout'
    case 'ECONNRESET':
    case 'EPIPE':
      return wasSent ? 'reset' : 'connect'
    case 'UND_ERR_SOCKET':
      if (/^bad (?:response|upgrade)$/.test(error.message)) return 'protocol'
      return wasSent ? 'reset' : 'connect'
    default:
      return wasSent ? 'protocol' : 'connect'
  }
}

/** What the client is told: nothing of where the application is or what it said. */
export function errorFor(reason: UpstreamFailure): CodedError {
  switch (reason) {
    case 'connect':
      return new CodedError('SIDEKEEP_UPSTREAM_UNREACHABLE')
    case 'connect_timeout':
    case 'headers_timeout':
    case 'idle_timeout':
    case 'request_timeout':
      return new CodedError('SIDEKEEP_UPSTREAM_TIMEOUT')
    case 'reset':
    case 'protocol':
      return new CodedError('SIDEKEEP_UPSTREAM_FAILED')
  }
}

function codeOf(error: Error): string | undefined {
  return 'code' in error && typeof error.code === 'string' ? error.code : undefined
}
