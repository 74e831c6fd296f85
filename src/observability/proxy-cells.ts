import { CounterCells, RouteCells } from './cells.ts'

/** What is counted of the proxy. */
export class ProxyCells {
  readonly requests = new RouteCells()
  /** Requests beyond a limit, by the limit's place in the configuration. */
  #limits: readonly { readonly name: string; readonly mode: string; count: number }[]
  readonly upstreamErrors: CounterCells<string>

  /** @param reasons all ways in which the application can fail, to be shown as 0 before the first time */
  constructor(limits: readonly { name: string; mode: string }[], reasons: readonly string[]) {
    this.#limits = limits.map(({ name, mode }) => ({ name, mode, count: 0 }))
    this.upstreamErrors = new CounterCells(reasons)
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
}
