import type { Clock } from '../../secrets/provider.ts'
import { ProviderError } from '../../secrets/provider.ts'

/** Waits on the provider's clock that end at once when they are given up, or all of them when the provider closes. */
export class Pauses {
  readonly #clock: Clock
  readonly #running = new Set<() => void>()

  constructor(clock: Clock) {
    this.#clock = clock
  }

  /** Rejects with a ProviderError where it was given up. */
  async pass(ms: number, signal: AbortSignal, place: string): Promise<void> {
    const { promise, resolve, reject } = Promise.withResolvers<void>()
    const giveUp = (): void =>
      reject(new ProviderError('unavailable', 'aborted', `${place}: the request was given up.`))
    if (signal.aborted) giveUp()
    const timer = this.#clock.setTimer(resolve, ms)
    signal.addEventListener('abort', giveUp, { once: true })
    this.#running.add(giveUp)
    try {
      await promise
    } finally {
      timer.cancel()
      signal.removeEventListener('abort', giveUp)
      this.#running.delete(giveUp)
    }
  }

  end(): void {
    for (const giveUp of this.#running) giveUp()
  }
}

/** What shared work brings, unless whoever waits gives up before: the work goes on for the others. */
export async function unlessAborted<T>(work: Promise<T>, signal: AbortSignal, place: string): Promise<T> {
  const { promise: given, reject } = Promise.withResolvers<never>()
  const giveUp = (): void =>
    reject(new ProviderError('unavailable', 'aborted', `${place}: the request was given up.`))
  if (signal.aborted) giveUp()
  signal.addEventListener('abort', giveUp, { once: true })
  try {
    return await Promise.race([given, work])
  } finally {
    signal.removeEventListener('abort', giveUp)
  }
}
