/**
 * Asks a Prometheus that scrapes a sidecar: every promised metric has a sample, every expression of the alerts and of the
 * dashboard is taken, and those of the dashboard have data unless what they count has not happened. Ends with
 * `N passed, N failed`.
 *
 *     node check.ts http://127.0.0.1:9090
 */
import { Prometheus, seriesOf } from './prometheus.ts'
import { alertGroups, dashboardPanels, promisedMetrics } from './sources.ts'

const [url = ''] = process.argv.slice(2)
const prometheus = new Prometheus(url)
/** The sidecar that is asked has no fallback, and its files are as they should be. */
const mayBeEmpty = [
  /^sidekeep_secret_on_fallback$/,
  /sidekeep_secret_on_fallback\{/,
  /sidekeep_file_current\{.*== 0/,
]
let passed = 0
let failed = 0

for (const name of promisedMetrics()) {
  await hold(name, seriesOf(name), wantsData(name))
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
  const problem = await prometheus.query(expr).then(
    (found) => (isWanted && found.length === 0 ? 'it has no data' : undefined),
    (error: Error) => error.message,
  )
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
