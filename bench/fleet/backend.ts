import type { Clock, Random } from '../../src/secrets/clock.ts'
import type { Fetched, Provider } from '../../src/secrets/provider.ts'
import { ProviderError } from '../../src/secrets/provider.ts'
import { SecretValue } from '../../src/secrets/secret.ts'
import { type Scenario, second } from './scenario.ts'

/** How long an answer takes, in milliseconds: anything between, with equal shares for each factor of time. */
const fastest = 5
const slowest = 200
/** A refused connection is told at once. */
const refusal = 2

export type Answer = 'ok' | 'refused' | 'throttled'

/** The one backend that the whole fleet asks: counts what reaches it, and answers after a while. */
export class FleetBackend {
  readonly calls: Uint32Array
  readonly throttled: Uint32Array
  readonly retryAfterMs: number
  readonly #clock: Clock
  readonly #random: Random
  readonly #scenario: Scenario

  constructor(scenario: Scenario, clock: Clock, random: Random) {
    const seconds = Math.ceil(scenario.lengthMs / second) + 1
    this.calls = new Uint32Array(seconds)
    this.throttled = new Uint32Array(seconds)
    this.retryAfterMs = scenario.throttle?.retryAfterMs ?? 0
    this.#clock = clock
    this.#random = random
    this.#scenario = scenario
  }

  /** One call, whose answer comes later. What is answered is decided when the call arrives. */
  call(answered: (answer: Answer) => void): void {
    const at = Math.floor(this.#clock.now() / second)
    const arrived = (this.calls[at] ?? 0) + 1
    this.calls[at] = arrived
    const answer = this.#answer(arrived)
    if (answer === 'throttled') this.throttled[at] = (this.throttled[at] ?? 0) + 1
    const tookMs = answer === 'refused' ? refusal : fastest * (slowest / fastest) ** this.#random()
    this.#clock.setTimer(() => answered(answer), tookMs)
  }

  #answer(arrivedThisSecond: number): Answer {
    const { outage, throttle } = this.#scenario
    const now = this.#clock.now()
    if (outage !== undefined && now >= outage.fromMs && now < outage.untilMs) return 'refused'
    return throttle !== undefined && arrivedThisSecond > throttle.callsPerSecond ? 'throttled' : 'ok'
  }
}

/** The backend as one sidecar's provider: key-wise, without batches. */
export function providerOf(backend: FleetBackend): Provider {
  const resultOf = (answer: Answer): Fetched | ProviderError => {
    if (answer === 'refused') return new ProviderError('unavailable', 'refused', 'connection refused')
    if (answer === 'ok') return { value: SecretValue.fromText('CANARY-fleet'), version: 'v1' }
    const { retryAfterMs } = backend
    return new ProviderError('throttled', 'throttled', 'too many requests', { retryAfterMs })
  }
  return {
    fetch(keys) {
      return new Promise((resolve, reject) => {
        backend.call((answer) => {
          const result = resultOf(answer)
          if (result instanceof ProviderError) reject(result)
          else resolve(new Map(keys.map((key) => [key, result])))
        })
      })
    },
  }
}
