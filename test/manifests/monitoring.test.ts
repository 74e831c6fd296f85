import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { parse } from 'yaml'
import * as z from 'zod'
import { root } from './documents.ts'
import { alertGroups, dashboardPanels, metricsOf, promisedMetrics } from './monitoring/sources.ts'

const rules = alertGroups.flatMap((group) => group.rules)
const operations = readFileSync(join(root, 'docs', 'operations.md'), 'utf8')
const runbooks = operations.slice(operations.indexOf('\n## Runbooks\n'))
const promised = new Set(promisedMetrics())
/** Of Prometheus itself. */
const foreign = ['up']

t.test('the resource for the operator has the very rules of the plain file', async (t) => {
  const text = readFileSync(join(root, 'manifests', 'monitoring', 'prometheus-rule.yaml'), 'utf8')
  const { kind, spec } = z.object({ kind: z.string(), spec: z.unknown() }).parse(parse(text))
  t.equal(kind, 'PrometheusRule')
  t.strictSame(spec, parse(readFileSync(join(root, 'manifests', 'monitoring', 'alerts.yaml'), 'utf8')))
})

t.test('each alert leads to its runbook, and each runbook is for an alert', async (t) => {
  const headings = [...runbooks.matchAll(/^### (Sidekeep\w+)$/gm)].map(([, name]) => name)
  t.strictSame(headings.toSorted(), rules.map(({ alert }) => alert).toSorted())
  for (const { alert, annotations } of rules) {
    t.equal(
      annotations.runbook_url,
      `https://sidekeep.example/docs/operations.md#${alert.toLowerCase()}`,
      alert,
    )
  }
})

t.test('each alert has a case in which it fires and one in which it is quiet', async (t) => {
  const cases = z
    .object({
      tests: z.array(
        z.object({
          alert_rule_test: z.array(z.object({ alertname: z.string(), exp_alerts: z.array(z.unknown()) })),
        }),
      ),
    })
    .parse(parse(readFileSync(join(import.meta.dirname, 'alerts.promtool.yaml'), 'utf8')))
    .tests.flatMap((test) => test.alert_rule_test)
  for (const { alert } of rules) {
    const own = cases.filter(({ alertname }) => alertname === alert)
    t.ok(
      own.some(({ exp_alerts }) => exp_alerts.length > 0),
      `${alert} fires`,
    )
    t.ok(
      own.some(({ exp_alerts }) => exp_alerts.length === 0),
      `${alert} is quiet`,
    )
  }
})

t.test('alerts and dashboard ask for nothing but what the documentation promises', async (t) => {
  for (const { alert, expr } of rules) {
    for (const name of metricsOf(expr))
      t.ok(promised.has(name) || foreign.includes(name), `${alert}: ${name}`)
  }
  for (const { title, exprs } of dashboardPanels) {
    for (const name of exprs.flatMap(metricsOf)) t.ok(promised.has(name), `${title}: ${name}`)
  }
})

t.test('the dashboard shows every metric of ours that the documentation promises', async (t) => {
  const shown = new Set(dashboardPanels.flatMap(({ exprs }) => exprs.flatMap(metricsOf)))
  t.strictSame(
    [...promised].filter((name) => name.startsWith('sidekeep_') && !shown.has(name)),
    [],
  )
})
