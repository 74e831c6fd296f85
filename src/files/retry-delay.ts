import type { Random } from '../secrets/clock.ts'

/** The first wait and the longest, in milliseconds. */
const first = 1_000
const longest = 60_000

/**
 * How long to wait before a file is tried again, in milliseconds: from 1 s, twice as long each time, to a minute; up to half
 * of it less, so that the sidecars of one node do not write to one disk at the same moment.
 *
 * @param attempt how many have failed in a row, from 1
 */
export function retryDelay(attempt: number, random: Random): number {
  const ceiling = Math.min(longest, first * 2 ** Math.min(attempt - 1, 30))
  return ceiling * (1 - random() / 2)
}
