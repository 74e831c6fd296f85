import type { Clock } from './clock.ts'
import { ProviderError } from './provider.ts'
import { aborted } from './provider-failure.ts'

/**
 * Runs `work` until it ends, `ms` milliseconds have passed or `ended` aborts, and aborts the signal that it was given
 * in the latter cases. What it says later is for nobody.
 *
 * Rejects as `work` does, or with a ProviderError that says why it was given up.
 */
export async function withDeadline<T>(
  name: string,
  clock: Clock,
  ms: number,
  ended: AbortSignal,
  work: (signal: AbortSignal) => Promise<T>,
): Promise<T> {
  if (ended.aborted) throw aborted(name)
  const call = new AbortController()
  const { promise: cut, reject } = Promise.withResolvers<never>()
  const giveUp = (error: ProviderError): void => {
    reject(error)
    call.abort()
  }
  const end = (): void => giveUp(aborted(name))
  ended.addEventListener('abort', end, { once: true })
  const timer = clock.setTimer(
    () => giveUp(new ProviderError('unavailable', 'timeout', `${name} gave no answer within ${ms} ms`)),
    ms,
  )
  try {
    return await Promise.race([work(call.signal), cut])
  } finally {
    timer.cancel()
    ended.removeEventListener('abort', end)
  }
}
