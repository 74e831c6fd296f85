import type { Clock } from '../../../secrets/clock.ts'

/**
 * Calls `late` after so many milliseconds, unless it was ended. When the time has come, what has arrived by then is read
 * first: a process that stood still itself must not take that for the slowness of another one.
 *
 * @returns what ends it
 */
export function deadline(clock: Pick<Clock, 'setTimer'>, ms: number, late: () => void): () => void {
  let isOver = false
  const timer = clock.setTimer(() => {
    // Node polls for what has arrived between timers and immediates.
    setImmediate(() => {
      if (!isOver) late()
    })
  }, ms)
  return () => {
    isOver = true
    timer.cancel()
  }
}

/** The work's outcome; rejects with `error` where it takes longer. */
export async function within<T>(
  clock: Pick<Clock, 'setTimer'>,
  ms: number,
  work: Promise<T>,
  error: () => Error,
): Promise<T> {
  const { promise: late, reject } = Promise.withResolvers<never>()
  const end = deadline(clock, ms, () => reject(error()))
  try {
    return await Promise.race([work, late])
  } finally {
    end()
  }
}
