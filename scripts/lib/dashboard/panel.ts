export interface Panel {
  readonly title: string
  /** What to read from it, for whoever has it before them. */
  readonly description: string
  readonly type?: 'stat'
  /** As Grafana calls units; without one: a plain number. */
  readonly unit?: string
  /** Expressions with the legend of each. */
  readonly targets: readonly (readonly [expr: string, legend: string])[]
}

export interface Row {
  readonly title: string
  readonly panels: readonly Panel[]
}

/** Each narrows those after it. */
export const variables: readonly { readonly name: string; readonly query: string }[] = [
  { name: 'job', query: 'label_values(sidekeep_build_info, job)' },
  { name: 'namespace', query: 'label_values(sidekeep_build_info{job=~"$job"}, namespace)' },
  { name: 'pod', query: 'label_values(sidekeep_build_info{job=~"$job", namespace=~"$namespace"}, pod)' },
]

const chosen = 'job=~"$job", namespace=~"$namespace", pod=~"$pod"'

/** The series of the chosen pods, of a metric and further matchers. */
export function of(metric: string, matchers = ''): string {
  return `${metric}{${chosen}${matchers && `, ${matchers}`}}`
}

/** A second. */
export const rate = (metric: string, matchers?: string): string =>
  `rate(${of(metric, matchers)}[$__rate_interval])`

/** Of the process, which has metrics named as every other process has them. */
export const ours = (expression: string): string =>
  `${expression} and on (job, instance) ${of('sidekeep_build_info')}`

/** Of a histogram, for each of the labels beside le. */
export const quantile = (share: number, metric: string, by = 'le'): string =>
  `histogram_quantile(${share}, sum by (${by}) (${rate(`${metric}_bucket`)}))`
