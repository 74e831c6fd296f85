/** Whether a process grew: pure arithmetic on samples, with its tolerances in one place. */
import { median } from '../support/statistics.ts'
import type { Sample } from './sampling.ts'

export type Measure = 'heapUsed' | 'rss' | 'handles' | 'fds' | 'sockets'

interface Tolerance {
  readonly name: string
  /** The last third may exceed the first by this factor and by this much beside; KiB for memory. */
  readonly factor: number
  readonly plus: number
}

/**
 * Memory goes up and down with the collector, by some MiB with the old generation that the scenario allows. A leak of
 * 200 bytes a request shows beyond these in 20 minutes at 120 requests/s, one of 4 KiB within a minute. Connections
 * follow the load, which stays the same throughout.
 */
export const tolerances: Readonly<Record<Measure, Tolerance>> = {
  heapUsed: { name: 'heap used', factor: 1.2, plus: 8 * 1_024 },
  rss: { name: 'RSS', factor: 1.2, plus: 16 * 1_024 },
  handles: { name: 'handles', factor: 1.25, plus: 16 },
  fds: { name: 'open files', factor: 1.25, plus: 16 },
  sockets: { name: 'sockets', factor: 1.25, plus: 16 },
}

const measures = Object.keys(tolerances) as readonly Measure[]

/** The part of the run that is not looked at: caches fill, code is compiled. */
export const warmUp = 0.2
/** Fewer samples say nothing. */
const fewest = 3

export interface Growth {
  readonly measure: Measure
  readonly name: string
  /** Medians of the first and the last third after the warm-up. */
  readonly first: number
  readonly last: number
  readonly limit: number
  readonly grew: boolean
}

/** @returns one for each measure that the system tells; undefined where the samples are too few to say anything */
export function judgeGrowth(samples: readonly Sample[]): Growth[] | undefined {
  const settled = samples.slice(Math.floor(samples.length * warmUp))
  const third = Math.floor(settled.length / 3)
  if (third < fewest) return undefined
  return measures.flatMap((measure) => {
    const { name, factor, plus } = tolerances[measure]
    const of = (part: readonly Sample[]): number => median(part.map((sample) => sample[measure]))
    const first = of(settled.slice(0, third))
    const last = of(settled.slice(-third))
    if (Number.isNaN(first) || Number.isNaN(last)) return []
    const limit = first * factor + plus
    return [{ measure, name, first, last, limit, grew: last > limit }]
  })
}

/** How many of a process's sockets nobody of the scene is at the other end of. */
export interface Leftover {
  readonly sockets: number
  readonly fds: number
}

/** What was left after the load, beside what was there before it; `undefined` where all is gone. */
export function judgeLeftover(before: Leftover, after: Leftover): string | undefined {
  const surplus = (['sockets', 'fds'] as const).filter((measure) => after[measure] > before[measure])
  if (surplus.length === 0) return undefined
  return surplus.map((measure) => `${measure}: ${before[measure]} before, ${after[measure]} after`).join('; ')
}

/** Calls beyond a budget within a time: as many at once as in one second, and the rate from there on. */
export function judgeBudget(most: number, windowMs: number, perSecond: number): boolean {
  return most <= perSecond + Math.ceil((perSecond * windowMs) / 1_000)
}
