import type { ProviderError } from '../../secrets/provider.ts'

interface UnderWay<T> {
  readonly result: Promise<T>
  readonly controller: AbortController
  callers: number
}

/** One call for all who want the same at the same time. It is aborted when none of them waits any more. */
export class SharedCall<T> {
  readonly #work: (signal: AbortSignal) => Promise<T>
  #underWay: UnderWay<T> | undefined

  constructor(work: (signal: AbortSignal) => Promise<T>) {
    this.#work = work
  }

  /** Rejects at once, with what `onAbort` makes, where the caller gives up; else as the work does. */
  async join(signal: AbortSignal, onAbort: () => ProviderError): Promise<T> {
    if (signal.aborted) throw onAbort()
    const call = this.#underWay ?? this.#start()
    call.callers++
    const { promise: given, reject } = Promise.withResolvers<never>()
    const giveUp = (): void => reject(onAbort())
    signal.addEventListener('abort', giveUp, { once: true })
    try {
      return await Promise.race([given, call.result])
    } finally {
      signal.removeEventListener('abort', giveUp)
      call.callers--
      if (call.callers === 0) this.#leave(call)
    }
  }

  #start(): UnderWay<T> {
    const controller = new AbortController()
    const call: UnderWay<T> = { result: this.#work(controller.signal), controller, callers: 0 }
    this.#underWay = call
    const over = (): void => {
      if (this.#underWay === call) this.#underWay = undefined
    }
    // Whoever has given up does not hear of a failure; the others get the very promise.
    call.result.then(over, over)
    return call
  }

  #leave(call: UnderWay<T>): void {
    if (this.#underWay === call) this.#underWay = undefined
    call.controller.abort()
  }
}
