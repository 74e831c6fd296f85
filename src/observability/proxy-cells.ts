import { CounterCells, DurationCells, RouteCells } from './cells.ts'

/** The application's own time, from milliseconds to minutes. */
const upstreamBounds = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30]

/** What there is at the moment of a scrape. */
interface Gauges {
  readonly inFlight: number
  readonly queueDepth: number
  readonly limitKeys: readonly { readonly limit: string; readonly keys: number }[]
}

/** What is counted of the proxy. */
export class ProxyCells {
  readonly requests = new RouteCells()
  readonly upstreamDurations = new DurationCells(upstreamBounds)
  /** Requests beyond a limit, by the limit's place in the configuration. */
  #limits: readonly { readonly name: string; readonly mode: string; count: number }[]
  readonly upstreamErrors: CounterCells<string>
  readonly storeErrors: CounterCells<string>
  upgrades = 0
  bytesReceived = 0
  bytesSent = 0
  readonly #gauges = new Set<() => Gauges>()

  /**
   * @param reasons all ways in which the application can fail, to be shown as 0 before the first time
   * @param storeReasons likewise of the store of the limits
   */
  constructor(
    limits: readonly { name: string; mode: string }[],
    reasons: readonly string[],
    storeReasons: readonly string[],
  ) {
    this.#limits = limits.map(({ name, mode }) => ({ name, mode, count: 0 }))
    this.upstreamErrors = new CounterCells(reasons)
    this.storeErrors = new CounterCells(storeReasons)
  }

  get limits(): readonly { readonly name: string; readonly mode: string; readonly count: number }[] {
    return this.#limits
  }

  /** The limits of another configuration: one that keeps name and mode keeps its count, one that is gone is not shown. */
  limitsChanged(limits: readonly { name: string; mode: string }[]): void {
    const former = this.#limits
    this.#limits = limits.map(({ name, mode }) => {
      const same = former.find((limit) => limit.name === name && limit.mode === mode)
      return same ?? { name, mode, count: 0 }
    })
  }

  answered({ method, status, durationMs }: { method: string; status: number; durationMs: number }): void {
    this.requests.count(method, status, durationMs)
  }

  limited({ limit }: { limit: string }): void {
    const cell = this.#limits.find(({ name }) => name === limit)
    if (cell !== undefined) cell.count += 1
  }

  upstreamFailed({ reason }: { reason: string }): void {
    this.upstreamErrors.increase(reason)
  }

  upstreamAnswered({ durationMs }: { durationMs: number }): void {
    this.upstreamDurations.observe(durationMs)
  }

  upgraded(): void {
    this.upgrades += 1
  }

  received(bytes: number): void {
    this.bytesReceived += bytes
  }

  sent(bytes: number): void {
    this.bytesSent += bytes
  }

  storeFailed({ reason }: { reason: string }): void {
    this.storeErrors.increase(reason)
  }

  gauges(read: () => Gauges): () => void {
    // A function of its own, so that each end takes its own away.
    const look = (): Gauges => read()
    this.#gauges.add(look)
    return () => {
      this.#gauges.delete(look)
    }
  }

  /** What there is now, in all proxies together. */
  readGauges(): Gauges {
    const all = [...this.#gauges].map((look) => look())
    const keys = new Map<string, number>()
    for (const { limit, keys: more } of all.flatMap(({ limitKeys }) => limitKeys))
      keys.set(limit, (keys.get(limit) ?? 0) + more)
    return {
      inFlight: all.reduce((sum, { inFlight }) => sum + inFlight, 0),
      queueDepth: all.reduce((sum, { queueDepth }) => sum + queueDepth, 0),
      limitKeys: [...keys].map(([limit, keys]) => ({ limit, keys })),
    }
  }
}
