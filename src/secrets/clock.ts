/** Time, injected everywhere, so that tests own it. */
export interface Clock {
  /** Milliseconds on the monotonic clock: for ages and deadlines. A jump of the wall clock does not move it. */
  now(): number
  /** Milliseconds since the epoch on the wall clock: for what people and machines read, never for arithmetic on ages. */
  wall(): number
  /** Calls `fn` once, after `ms` milliseconds or a little later. The timer does not keep the process alive. */
  setTimer(fn: () => void, ms: number): Timer
}

export interface Timer {
  cancel(): void
}

/** A number in [0, 1). Injected, so that tests own jitter. */
export type Random = () => number

/** Node runs a longer timer after 1 ms instead: a hot loop. Longer waits are made of several timers. */
const longestTimer = 2 ** 31 - 1

export const systemClock: Clock = {
  now: () => performance.now(),
  wall: () => Date.now(),
  setTimer(fn, ms) {
    let timer: NodeJS.Timeout
    const arm = (left: number): void => {
      const step = Math.min(Math.max(left, 0), longestTimer)
      timer = setTimeout(() => (left > step ? arm(left - step) : fn()), step)
      timer.unref()
    }
    arm(ms)
    return { cancel: () => clearTimeout(timer) }
  },
}

export interface Pause {
  /** Resolves after the time, or when the pause was ended. */
  readonly over: Promise<void>
  /** Ends it now, and leaves no timer. */
  readonly end: () => void
}

/** @param ms milliseconds */
export function pause(clock: Pick<Clock, 'setTimer'>, ms: number): Pause {
  const { promise: over, resolve } = Promise.withResolvers<void>()
  const timer = clock.setTimer(resolve, ms)
  const end = (): void => {
    timer.cancel()
    resolve()
  }
  return { over, end }
}

/** Whether the work ended within the time, in milliseconds. A rejection of the work rejects. */
export async function endsWithin(clock: Clock, ms: number, work: Promise<unknown>): Promise<boolean> {
  const { promise: late, resolve } = Promise.withResolvers<false>()
  const timer = clock.setTimer(() => resolve(false), ms)
  try {
    return await Promise.race([work.then(() => true), late])
  } finally {
    timer.cancel()
  }
}
