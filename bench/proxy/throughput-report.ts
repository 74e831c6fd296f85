/** Tables and aims out of what was measured: arithmetic alone. */
import { mebibytes, median, ratio, table } from '../support/statistics.ts'
import { type Aim, atLeast, type Figure } from './aims.ts'
import { names } from './names.ts'

/** One run of wrk against one subject. */
export interface Run {
  readonly requestsPerSecond: number
  /** Milliseconds. */
  readonly p50: number
  readonly p99: number
  /** Requests that were refused, failed or timed out. */
  readonly errors: number
  /** Seconds of a processor that the proxy took for a request; undefined without a proxy. */
  readonly cpu: number | undefined
}

export interface Row {
  readonly name: string
  /** In the order of the rounds, which all rows of a case share. */
  readonly runs: readonly Run[]
  /** KiB, after the last of them; undefined without a proxy. */
  readonly rss: number | undefined
}

export interface Case {
  readonly name: string
  readonly connections: number
  readonly rows: readonly Row[]
}

type Measure = (run: Run) => number

const throughput: Measure = ({ requestsPerSecond }) => requestsPerSecond
/** Requests in a second of processor time. */
const perCore: Measure = ({ cpu }) => (cpu === undefined ? Number.NaN : 1 / cpu)

export function caseTable({ name, connections, rows }: Case): string {
  const head = [
    `${name}, ${connections} connections`,
    'requests/s',
    `× ${names.plain}`,
    '× nginx',
    'p50',
    'p99',
    'CPU a request',
    'requests per CPU second',
    `× ${names.plain}`,
    '× nginx',
    'RSS after',
    'errors',
  ]
  const bases = [names.plain, names.nginx].map((base) => rows.find((row) => row.name === base))
  return table(
    head,
    rows.map((row) => {
      const middle = (of: Measure): number => median(row.runs.map(of))
      const ratios = (of: Measure): string[] => bases.map((base) => shown(against(row, base, of), ratio))
      return [
        row.name,
        middle(throughput).toFixed(0),
        ...ratios(throughput),
        `${middle(({ p50 }) => p50).toFixed(2)} ms`,
        `${middle(({ p99 }) => p99).toFixed(2)} ms`,
        shown(1e6 / middle(perCore), (value) => `${value.toFixed(1)} µs`),
        shown(middle(perCore), (value) => value.toFixed(0)),
        ...ratios(perCore),
        row.rss === undefined ? '' : mebibytes(row.rss),
        String(row.runs.reduce((sum, run) => sum + run.errors, 0)),
      ]
    }),
  )
}

export function aimsOf(cases: readonly Case[]): Aim[] {
  const figures = (own: string, base: string, of: Measure, among = cases): Figure[] =>
    among.flatMap(({ name, connections, rows }) => {
      const row = rows.find((one) => one.name === own)
      const other = rows.find((one) => one.name === base)
      const value = row === undefined ? Number.NaN : against(row, other, of)
      return Number.isNaN(value) ? [] : [{ of: `${name}, ${connections} connections`, value }]
    })
  const times = (value: number): string => `${ratio(value)} ×`
  const cost = (value: number): string => `${((1 - value) * 100).toFixed(1)} %`
  const small = cases.filter(({ name }) => name === smallName)
  return [
    atLeast(2, {
      words: 'with limits at least 2 × the throughput of `@fastify/http-proxy` with rate limit',
      figures: figures(names.limited, names.fastify, throughput),
      show: times,
    }),
    atLeast(2, {
      words: 'with limits at least 2 × its requests per CPU second',
      figures: figures(names.limited, names.fastify, perCore),
      show: times,
    }),
    atLeast(0.6, {
      words: 'with limits at least 0.6 × nginx `limit_req` per core at GET 512 B',
      figures: figures(names.limited, names.nginx, perCore, small),
      show: times,
    }),
    atLeast(0.9, {
      words: 'two limits cost at most 10 % of the throughput',
      figures: figures(names.limited, names.plain, throughput),
      show: cost,
    }),
    atLeast(0.9, {
      words: 'two limits cost at most 10 % of the requests per CPU second',
      figures: figures(names.limited, names.plain, perCore),
      show: cost,
    }),
  ]
}

export const smallName = 'GET 512 B'

/** The median of the ratios round by round: what one round had to bear, both had to. */
function against(row: Row, base: Row | undefined, of: Measure): number {
  if (base === undefined || row.runs.length === 0) return Number.NaN
  return median(
    row.runs.map((run, at) => {
      const other = base.runs[at]
      return other === undefined ? Number.NaN : of(run) / of(other)
    }),
  )
}

function shown(value: number, as: (value: number) => string): string {
  return Number.isNaN(value) ? '' : as(value)
}
