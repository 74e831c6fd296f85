import type { Clock } from './clock.ts'
import { ProviderError } from './provider.ts'
import { aborted } from './provider-failure.ts'

/**
 * Runs `work` until it ends, `ms` milliseconds have passed or `ended` aborts, and aborts the signal that it was given
 * in the latter cases. What it brings later is for nobody but `late`.
 *
 * Rejects as `work` does, or with a ProviderError that says why it was given up.
 */
export async function withDeadline<T>(
  name: string,
  clock: Clock,
  ms: number,
  ended: AbortSignal,
  work: (signal: AbortSignal) => Promise<T>,
  late: (answer: T) => void,
): Promise<T> {
  if (ended.aborted) throw aborted(name)
  const call = new AbortController()
  const { promise, resolve, reject } = Promise.withResolvers<T>()
  let isOver = false
  // Not left to Promise.race: an answer of the moment in which it is given up would be both taken and late.
  const answered = (answer: T): void => {
    if (isOver) late(answer)
    else resolve(answer)
    isOver = true
  }
  const giveUp = (error: ProviderError): void => {
    isOver = true
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
    work(call.signal).then(answered, reject)
    return await promise
  } finally {
    timer.cancel()
    ended.removeEventListener('abort', end)
  }
}
