/** The rules, the dashboard and the metrics that the documentation promises, as tests and the check of CI read them. */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { parse } from 'yaml'
import * as z from 'zod'
import { root } from '../documents.ts'

const rule = z.strictObject({
  alert: z.string(),
  expr: z.string(),
  for: z.string().optional(),
  labels: z.strictObject({ severity: z.enum(['critical', 'warning']) }),
  annotations: z.strictObject({ summary: z.string(), description: z.string(), runbook_url: z.string() }),
})

export const alertGroups = z
  .strictObject({ groups: z.array(z.strictObject({ name: z.string(), rules: z.array(rule) })) })
  .parse(parse(read('manifests', 'monitoring', 'alerts.yaml'))).groups

/** The panels with expressions; rows have none. */
export const dashboardPanels = z
  .object({
    panels: z.array(
      z.object({ title: z.string(), targets: z.array(z.object({ expr: z.string() })).default([]) }),
    ),
  })
  .parse(JSON.parse(read('manifests', 'monitoring', 'dashboard.json')))
  .panels.filter(({ targets }) => targets.length > 0)
  .map(({ title, targets }) => ({ title, exprs: targets.map(({ expr }) => expr) }))

/** The names in the tables of the HTTP API, of the proxy, and of the process what rules and dashboard use. */
export function promisedMetrics(): string[] {
  const tables = [read('docs', 'http-api.md'), read('docs', 'proxy.md')]
    .map((page) => page.slice(page.indexOf('\n## Metrics\n') + 1).split(/^## /m)[1] ?? '')
    .flatMap((section) => [...section.matchAll(/^\| (`sidekeep_[^|]*) \|/gm)].map(([, cell]) => cell ?? ''))
  const ours = tables.flatMap((cell) => [...cell.matchAll(/sidekeep_\w+/g)].map(([name]) => name))
  return [...ours, ...ofTheProcess]
}

const ofTheProcess = [
  'process_start_time_seconds',
  'process_resident_memory_bytes',
  'process_cpu_seconds_total',
  'nodejs_heap_size_used_bytes',
  'nodejs_eventloop_lag_p99_seconds',
]

/** The metrics of an expression. The series of a histogram count as the histogram. */
export function metricsOf(expr: string): string[] {
  const names = expr.match(/\b(?:sidekeep|process|nodejs)_\w+|\bup\b/g) ?? []
  return names.map((name) => name.replace(/_bucket$/, ''))
}

function read(...path: string[]): string {
  return readFileSync(join(root, ...path), 'utf8')
}
