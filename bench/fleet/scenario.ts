import type { Random } from '../../src/secrets/clock.ts'

export const second = 1_000
export const minute = 60 * second
export const hour = 60 * minute

/** Who asks the backend: the real scheduler, or a loop around a fixed sleep. */
export type Kind = 'sidekeep' | 'naive'

/** What one simulation runs. Times in milliseconds. Fit to be sent to another thread. */
export interface Scenario {
  readonly kind: Kind
  readonly sidecars: number
  /** Of each sidecar. */
  readonly secrets: number
  readonly intervalMs: number
  readonly maxStaleMs: number
  /** All sidecars start within this time, each at a random moment. */
  readonly waveMs: number
  readonly lengthMs: number
  /** The backend refuses every connection from `fromMs` to `untilMs`. */
  readonly outage?: { readonly fromMs: number; readonly untilMs: number }
  /** The backend answers 429 with Retry-After to what comes beyond so many calls within a second. */
  readonly throttle?: { readonly callsPerSecond: number; readonly retryAfterMs: number }
  readonly seed: number
}

/** What one simulation counted. */
export interface Counted {
  /** Calls that reached the backend, by second, whatever it answered. */
  readonly calls: Uint32Array
  /** Those of them that it answered with 429. */
  readonly throttled: Uint32Array
  /** How many secrets were not fresh at the end of each second: never loaded, stale or expired. */
  readonly notLoaded: Uint32Array
  readonly stale: Uint32Array
  readonly expired: Uint32Array
  /** Of the thread that ran it. */
  readonly cpuSeconds: number
  readonly heapBytes: number
}

/** A sequence of numbers in [0, 1) that a seed decides: the same run counts the same calls (mulberry32). */
export function randomFrom(seed: number): Random {
  let state = seed >>> 0
  return () => {
    state = (state + 0x6d2b79f5) >>> 0
    let mixed = Math.imul(state ^ (state >>> 15), state | 1)
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32
  }
}

/** The second-by-second sum of what several slices of one fleet counted. */
export function sumOf(slices: readonly Counted[]): Counted {
  const [first] = slices
  if (first === undefined) throw new Error('no slice to sum up')
  const add = (of: (slice: Counted) => Uint32Array): Uint32Array => {
    const sum = new Uint32Array(of(first).length)
    for (const slice of slices) {
      for (const [at, value] of of(slice).entries()) sum[at] = (sum[at] ?? 0) + value
    }
    return sum
  }
  return {
    calls: add((slice) => slice.calls),
    throttled: add((slice) => slice.throttled),
    notLoaded: add((slice) => slice.notLoaded),
    stale: add((slice) => slice.stale),
    expired: add((slice) => slice.expired),
    cpuSeconds: slices.reduce((sum, slice) => sum + slice.cpuSeconds, 0),
    heapBytes: slices.reduce((sum, slice) => sum + slice.heapBytes, 0),
  }
}
