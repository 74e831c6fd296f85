/** A limit in words that every proxy here understands. */
export interface BenchLimit {
  /** A single word of letters. */
  readonly name: string
  /** `none`: one budget for all. */
  readonly key: 'client-ip' | 'none'
  /** Requests a second. */
  readonly rate: number
  readonly burst: number
}

/** Two that are counted and never refuse anything. */
export const roomyLimits: readonly BenchLimit[] = [
  { name: 'client', key: 'client-ip', rate: 1_000_000, burst: 1_000_000 },
  { name: 'global', key: 'none', rate: 1_000_000, burst: 1_000_000 },
]
