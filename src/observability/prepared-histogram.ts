import { Histogram, type Registry } from '@prometheus-io/client'
import type { DurationCells } from './cells.ts'

interface PreparedHistogramOptions {
  readonly name: string
  readonly help: string
  /** Absent where there is one series without a label. */
  readonly label?: string
  readonly series: () => [labelValue: string | undefined, cells: DurationCells][]
}

/** A histogram whose buckets are counted elsewhere. */
export class PreparedHistogram extends Histogram<string> {
  readonly #options: PreparedHistogramOptions

  constructor(registers: Registry[], options: PreparedHistogramOptions) {
    const labelNames = options.label === undefined ? [] : [options.label]
    super({ name: options.name, help: options.help, labelNames, registers })
    this.#options = options
  }

  override async get() {
    const { name, help } = this.#options
    return {
      name,
      help,
      type: 'histogram' as const,
      aggregator: 'sum' as const,
      collect: () => {},
      values: this.#options.series().flatMap(([labelValue, cells]) => this.#values(labelValue, cells)),
    }
  }

  /** The registry prefers this method of the library's own histograms over `get`. */
  getForPromString() {
    return this.get()
  }

  #values(labelValue: string | undefined, cells: DurationCells) {
    const { name, label } = this.#options
    const labels = label === undefined || labelValue === undefined ? {} : { [label]: labelValue }
    let cumulative = 0
    const buckets = cells.bounds.map((bound, place) => {
      cumulative += cells.counts[place] ?? 0
      return { metricName: `${name}_bucket`, labels: { ...labels, le: String(bound) }, value: cumulative }
    })
    return [
      ...buckets,
      { metricName: `${name}_bucket`, labels: { ...labels, le: '+Inf' }, value: cells.count },
      { metricName: `${name}_sum`, labels, value: cells.sum },
      { metricName: `${name}_count`, labels, value: cells.count },
    ]
  }
}
