/** A Prometheus, as whoever has questions sees it: through its HTTP API, https://prometheus.io/docs/prometheus/latest/querying/api/. */
import * as z from 'zod'

/** Of a sample or an alert; the name of a metric is its label `__name__`. */
export type Labels = Readonly<Record<string, string>>

const labels = z.record(z.string(), z.string())
const answer = z.object({
  status: z.string(),
  error: z.string().optional(),
  data: z.object({ result: z.array(z.object({ metric: labels })) }).optional(),
})
const alerts = z.object({ data: z.object({ alerts: z.array(z.object({ labels })) }) })
/** These have no sample under their own name. */
const histograms = /_duration_seconds$/

/** The name that a metric has samples under. */
export function seriesOf(name: string): string {
  return histograms.test(name) ? `${name}_count` : name
}

export class Prometheus {
  readonly #url: string

  constructor(url: string) {
    this.#url = url
  }

  /** The labels of each series that an expression has now. Throws, with what Prometheus says, where it does not take it. */
  async query(expr: string): Promise<readonly Labels[]> {
    const response = await fetch(`${this.#url}/api/v1/query`, {
      method: 'POST',
      body: new URLSearchParams({ query: expr }),
      signal: AbortSignal.timeout(5_000),
    })
    const { status, error, data } = answer.parse(await response.json())
    if (status !== 'success' || data === undefined) throw new Error(error ?? status)
    return data.result.map(({ metric }) => metric)
  }

  /** True where an expression has data; undefined, for `poll`, where it has none, or nobody answers yet. */
  async has(expr: string): Promise<true | undefined> {
    const found = await this.query(expr).catch(() => [])
    return found.length > 0 ? true : undefined
  }

  /** The names of the alerts, pending ones too, that have all these labels. */
  async alertsAbout(wanted: Labels): Promise<string[]> {
    const response = await fetch(`${this.#url}/api/v1/alerts`, { signal: AbortSignal.timeout(5_000) })
    return alerts
      .parse(await response.json())
      .data.alerts.filter((one) =>
        Object.entries(wanted).every(([name, value]) => one.labels[name] === value),
      )
      .map((one) => one.labels.alertname ?? '')
  }
}
