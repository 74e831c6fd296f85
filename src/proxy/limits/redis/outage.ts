import type { Logger } from 'pino'
import type { Clock } from '../../../secrets/clock.ts'
import { type Failure, passwordMissing } from './failure.ts'

export type OnStoreFailure = 'local' | 'allow' | 'deny'

const whatApplies: Readonly<Record<OnStoreFailure, string>> = {
  local: 'the limits count in this process alone',
  allow: 'no limit applies',
  deny: 'requests that have a limit are refused',
}

/** Milliseconds that a secret gets to be there at the start, before its absence is worth a line. */
const patience = 5_000

/** The time in which Redis cannot be asked, from the first failure on: one line when it begins, and one when it ends. */
export class Outage {
  readonly #log: Logger
  readonly #clock: Pick<Clock, 'now'>
  readonly #since: number
  readonly #isStart: boolean
  readonly #told = new Set<string>()
  #failure: Failure | undefined
  #requests = 0

  /** @param isStart whether there was no connection before */
  constructor(log: Logger, clock: Pick<Clock, 'now'>, isStart: boolean) {
    this.#log = log
    this.#clock = clock
    this.#since = clock.now()
    this.#isStart = isStart
  }

  /** An attempt failed. What calls for another remedy than what was told is told too, once. */
  failed(failure: Failure, applies: OnStoreFailure): void {
    this.#failure = failure
    if (this.#told.size === 0 ? this.#isWorthALine(failure) : failure.remedy !== undefined) {
      this.#tell(failure, applies)
    }
  }

  /** So many requests went without Redis. */
  affected(requests: number, applies: OnStoreFailure): void {
    this.#requests += requests
    if (this.#told.size === 0 && this.#failure !== undefined) this.#tell(this.#failure, applies)
  }

  over(): void {
    if (this.#told.size === 0) return
    const forMs = Math.round(this.#clock.now() - this.#since)
    this.#log.info({ forMs, requests: this.#requests }, 'the store of the limits is asked again')
  }

  /** A sidecar's own secrets are on their way when it starts. */
  #isWorthALine({ code }: Failure): boolean {
    const isYoung = this.#clock.now() - this.#since < patience
    return !(this.#isStart && isYoung && code === passwordMissing.code)
  }

  #tell({ reason, code, remedy }: Failure, applies: OnStoreFailure): void {
    if (this.#told.has(code)) return
    this.#told.add(code)
    const fields = { reason, code, ...(remedy === undefined ? {} : { remedy }), onStoreFailure: applies }
    this.#log.warn(fields, `the store of the limits cannot be asked: ${whatApplies[applies]} until it can`)
  }
}
