import { setTimeout as pause } from 'node:timers/promises'

/** Between two looks, in milliseconds. */
const interval = 20
/** In milliseconds; far more than anything takes on a loaded machine, so that only what never comes ends here. */
const patience = 15_000

/**
 * Looks again and again until `look` gives something other than undefined or false. For what happens in another
 * process, where no clock can be injected.
 * @throws an Error that names what did not come, with the last error of `look` as its cause
 */
export async function eventually<T>(
  what: string,
  look: () => T | Promise<T>,
  withinMs: number = patience,
): Promise<Exclude<T, undefined | false>> {
  const deadline = performance.now() + withinMs
  let cause: unknown
  while (performance.now() < deadline) {
    try {
      const found = await look()
      if (isThere(found)) return found
    } catch (error) {
      cause = error
    }
    await pause(interval)
  }
  throw new Error(`did not come within ${withinMs} ms: ${what}`, { cause })
}

function isThere<T>(found: T): found is Exclude<T, undefined | false> {
  return found !== undefined && found !== false
}

/** What `promise` brings, or an Error that names what was waited for. */
export async function inTime<T>(what: string, promise: Promise<T>, withinMs: number = patience): Promise<T> {
  const { promise: late, reject } = Promise.withResolvers<never>()
  const timer = setTimeout(() => reject(new Error(`did not happen within ${withinMs} ms: ${what}`)), withinMs)
  try {
    return await Promise.race([promise, late])
  } finally {
    clearTimeout(timer)
  }
}
