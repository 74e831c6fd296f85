/** Calls per second over a stretch of time. */
export interface Figures {
  readonly mean: number
  readonly p99: number
  /** The busiest second. */
  readonly peak: number
}

export function figuresOf(perSecond: Uint32Array): Figures {
  const sorted = perSecond.toSorted()
  const total = sorted.reduce((sum, calls) => sum + calls, 0)
  return {
    mean: total / Math.max(1, sorted.length),
    p99: sorted[Math.ceil(sorted.length * 0.99) - 1] ?? 0,
    peak: sorted.at(-1) ?? 0,
  }
}

/** The seconds of several stretches, from inclusive, until exclusive, in seconds. */
export function stretches(
  perSecond: Uint32Array,
  ...parts: readonly (readonly [from: number, until: number])[]
): Uint32Array {
  const slices = parts.map(([from, until]) => perSecond.subarray(from, until))
  const all = new Uint32Array(slices.reduce((sum, slice) => sum + slice.length, 0))
  let at = 0
  for (const slice of slices) {
    all.set(slice, at)
    at += slice.length
  }
  return all
}

/** The first second from which on the counts stay 0, up to the end; undefined where the last one is not 0. */
export function zeroFrom(perSecond: Uint32Array): number | undefined {
  const last = perSecond.findLastIndex((count) => count > 0)
  return last === perSecond.length - 1 ? undefined : last + 1
}

export const maximum = (counts: Uint32Array): number => counts.reduce((most, one) => Math.max(most, one), 0)
