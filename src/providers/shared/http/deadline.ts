import type { Clock, ProviderError } from '../../../secrets/provider.ts'

export interface Limits {
  readonly clock: Clock
  /** Milliseconds for everything that `run` does together. */
  readonly timeout: number
  readonly signal: AbortSignal
  readonly onTimeout: () => ProviderError
  readonly onAbort: () => ProviderError
}

/**
 * Runs `run` under one deadline and the caller's signal: when either comes, rejects at once, whatever `run` is waiting
 * for, and aborts the signal that `run` was given. undici's timers measure silence; a body that drips one byte a second
 * would keep them content for ever.
 */
export async function withDeadline<T>(limits: Limits, run: (signal: AbortSignal) => Promise<T>): Promise<T> {
  const { clock, timeout, signal, onTimeout, onAbort } = limits
  if (signal.aborted) throw onAbort()
  const inner = new AbortController()
  const { promise: cancelled, reject } = Promise.withResolvers<never>()
  const cancel = (error: ProviderError): void => {
    reject(error)
    inner.abort(error)
  }
  const abort = (): void => cancel(onAbort())
  const timer = clock.setTimer(() => cancel(onTimeout()), timeout)
  signal.addEventListener('abort', abort, { once: true })
  try {
    return await Promise.race([cancelled, run(inner.signal)])
  } finally {
    timer.cancel()
    signal.removeEventListener('abort', abort)
  }
}
