import type { ErrorCode } from '../../errors.ts'
import type { RefusedReason } from '../../observability/refusal-cells.ts'
import type { Clock, Timer } from '../../secrets/clock.ts'
import type { ApiLog, ApiMetrics } from '../ports.ts'

/** For each reason there is one line of the log in this time, in milliseconds: who floods the door must not flood the log. */
const interval = 10_000

const reasons: Partial<Readonly<Record<ErrorCode, RefusedReason>>> = {
  SIDEKEEP_FORWARDED_REQUEST: 'forwarded',
  SIDEKEEP_HOST_NOT_ALLOWED: 'host',
  SIDEKEEP_CROSS_SITE_REQUEST: 'cross_site',
  SIDEKEEP_HEADER_REQUIRED: 'header_required',
  SIDEKEEP_TOKEN_REQUIRED: 'token_required',
  SIDEKEEP_TOKEN_INVALID: 'token_invalid',
  SIDEKEEP_NOT_ALLOWED: 'not_allowed',
  SIDEKEEP_RATE_LIMITED: 'rate_limited',
}

export interface AttemptsDeps {
  readonly clock: Clock
  readonly log: Pick<ApiLog, 'warn'>
  readonly metrics: Pick<ApiMetrics, 'refused'>
  /** What the log calls the listener. */
  readonly listener: () => string
}

/** What was held back of one reason since its last line. */
interface Quiet {
  count: number
  timer: Timer
}

/**
 * Counts those who were not let in, and tells of them: the first at once, what comes soon after in one line together.
 * Neither a token nor anything else that the request carries is told.
 */
export class Attempts {
  readonly #deps: AttemptsDeps
  readonly #quiet = new Map<RefusedReason, Quiet>()

  constructor(deps: AttemptsDeps) {
    this.#deps = deps
  }

  /** @param caller who it was, where that is known */
  refused(code: ErrorCode, caller: string | undefined): void {
    const reason = reasons[code]
    if (reason === undefined) return
    const { metrics, log, listener } = this.#deps
    metrics.refused(reason)
    const quiet = this.#quiet.get(reason)
    if (quiet !== undefined) {
      quiet.count += 1
      return
    }
    const who = caller === undefined ? {} : { caller }
    log.warn({ listener: listener(), reason, ...who }, 'a request was refused')
    this.#quiet.set(reason, { count: 0, timer: this.#later(reason) })
  }

  /** Tells what was held back, and leaves no timer. */
  close(): void {
    for (const [reason, { count, timer }] of this.#quiet) {
      timer.cancel()
      if (count > 0) this.#tell(reason, count)
    }
    this.#quiet.clear()
  }

  #later(reason: RefusedReason): Timer {
    return this.#deps.clock.setTimer(() => {
      const count = this.#quiet.get(reason)?.count ?? 0
      if (count === 0) {
        this.#quiet.delete(reason)
        return
      }
      this.#tell(reason, count)
      this.#quiet.set(reason, { count: 0, timer: this.#later(reason) })
    }, interval)
  }

  #tell(reason: RefusedReason, requests: number): void {
    const { log, listener } = this.#deps
    log.warn({ listener: listener(), reason, requests }, 'further requests were refused')
  }
}
