import { setTimeout as sleep } from 'node:timers/promises'

/** Milliseconds between two looks. */
const pause = 100

/** The first thing that `look` finds. Throws, saying what was waited for, when there is none in time. */
export async function poll<T>(
  what: string,
  seconds: number,
  look: () => Promise<T | undefined> | T | undefined,
): Promise<T> {
  const end = performance.now() + seconds * 1000
  for (;;) {
    const found = await look()
    if (found !== undefined) return found
    if (performance.now() > end) throw new Error(`${what}: not within ${seconds} s`)
    await sleep(pause)
  }
}
