import type { Clock } from '../secrets/clock.ts'
import { endsWithin } from '../secrets/clock.ts'

/**
 * Waits for shared work, but not for ever: the work goes on for whoever else waits for it.
 *
 * @returns what the work brought, or undefined after `ms` milliseconds
 */
export async function within<T extends object>(
  clock: Clock,
  ms: number,
  work: Promise<T>,
): Promise<T | undefined> {
  return (await endsWithin(clock, ms, work)) ? await work : undefined
}
