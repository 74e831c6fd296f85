import type { ErrorCode } from '../errors.ts'
import { CodedError } from '../errors.ts'
import type { ApiConfig } from './ports.ts'

/** What part of a listener's connections those may hold together who keep theirs for long. */
const share = 3 / 4
/** When a refused caller may come again, in milliseconds. */
const retryAfterMs = 1_000

type Refusal = Extract<ErrorCode, 'SIDEKEEP_TOO_MANY_WAITERS' | 'SIDEKEEP_TOO_MANY_EVENT_STREAMS'>

/** What bounds one kind of those who keep their connection. */
export interface Bound {
  /** How many of the kind there are. */
  readonly count: number
  /** How many there may be by the kind's own option. */
  readonly most: number
  /** That option, as the configuration spells it. */
  readonly option: string
}

/**
 * The connections of a listener that callers keep for long: those who wait for a change, and event streams. Whatever
 * their own bounds say, a part of the connections is left to those who only read, or whoever waits would lock them out.
 */
export class KeptConnections {
  readonly #config: Pick<ApiConfig, 'maxConnections'>
  #count = 0

  /** @param config read at each request, since it may change */
  constructor(config: Pick<ApiConfig, 'maxConnections'>) {
    this.#config = config
  }

  /**
   * Whether one more may be kept.
   *
   * @throws the error with `code`, which names the bound that is reached and the option that raises it
   */
  admit(code: Refusal, { count, most, option }: Bound): void {
    if (count >= most) throw new CodedError(code, [most, option], { retryAfterMs })
    const together = Math.max(1, Math.floor(this.#config.maxConnections * share))
    if (this.#count < together) return
    const bound = `${together}, waiting callers and event streams together`
    throw new CodedError(code, [bound, 'api.maxConnections'], { retryAfterMs })
  }

  began(): void {
    this.#count += 1
  }

  ended(): void {
    this.#count -= 1
  }
}
