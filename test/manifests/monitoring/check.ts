/**
 * Asks a Prometheus that scrapes a sidecar: every promised metric has a sample, every expression of the alerts and of the
 * dashboard is taken, and those of the dashboard have data unless what they count has not happened. Ends with
 * `N passed, N failed`.
 *
 *     node check.ts http://127.0.0.1:9090
 */
import * as z from 'zod'
import { alertGroups, dashboardPanels, promisedMetrics } from './sources.ts'

const [prometheus = ''] = process.argv.slice(2)
const answer = z.object({
  status: z.string(),
  error: z.string().optional(),
  data: z.object({ result: z.array(z.unknown()) }).optional(),
})
/** These have no sample under their own name. */
const histograms = /_duration_seconds$/
/** The sidecar that is asked has no fallback, and its files are as they should be. */
const mayBeEmpty = [
  /^sidekeep_secret_on_fallback$/,
  /sidekeep_secret_on_fallback\{/,
  /sidekeep_file_current\{.*== 0/,
]
let passed = 0
let failed = 0

for (const name of promisedMetrics()) {
  const series = histograms.test(name) ? `${name}_count` : name
  await hold(name, series, wantsData(name))
}
for (const { alert, expr } of alertGroups.flatMap(({ rules }) => rules)) await hold(alert, expr, false)
for (const { title, exprs } of dashboardPanels) {
  for (const expr of exprs) await hold(title, filledIn(expr), wantsData(expr))
}
console.log(`${passed} passed, ${failed} failed`)
process.exitCode = failed > 0 ? 1 : 0

function wantsData(expr: string): boolean {
  return !mayBeEmpty.some((known) => known.test(expr))
}

async function hold(what: string, expr: string, isWanted: boolean): Promise<void> {
  const response = await fetch(`${prometheus}/api/v1/query`, {
    method: 'POST',
    body: new URLSearchParams({ query: expr }),
    signal: AbortSignal.timeout(5_000),
  })
  const { status, error, data } = answer.parse(await response.json())
  const problem =
    status !== 'success' ? error : isWanted && data?.result.length === 0 ? 'it has no data' : undefined
  if (problem === undefined) {
    passed++
    return
  }
  failed++
  console.log(`not ok - ${what}: ${problem}: ${expr}`)
}

/** As Grafana fills it in where all is chosen. */
function filledIn(expr: string): string {
  return expr.replaceAll('$__rate_interval', '10s').replaceAll(/\$(job|namespace|pod)/g, '.*')
}
