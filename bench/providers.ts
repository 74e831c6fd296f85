/**
 * `node bench/providers.ts [--quick] [--write] [--only WORDS] [--calls]`: what each kind of provider costs, measured with the built
 * bundle beside the `http` provider in the same run, each against a backend on loopback; and how many requests it makes
 * in an hour for 50 secrets at the defaults, on a virtual clock (`--calls`: that alone). `--write` puts the tables into docs/performance.md.
 */
import { execFileSync } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { kinds } from '../test/support/provider-kinds.ts'
import type { Backend } from '../test/support/provider-stage.ts'
import { configurationOf, Stage } from '../test/support/provider-stage.ts'
import { requestsAnHour } from './providers/calls.ts'
import { machine } from './support/machine.ts'
import { writeSection } from './support/marked-section.ts'
import { memoryOf } from './support/memory.ts'
import { callerHeaders, runSidecar } from './support/processes.ts'
import { mebibytes, median, table } from './support/statistics.ts'

const { values } = parseArgs({
  options: {
    quick: { type: 'boolean' },
    write: { type: 'boolean' },
    only: { type: 'string' },
    calls: { type: 'boolean' },
  },
})
const rounds = values.calls === true ? 0 : values.quick === true ? 3 : 9
/** Refreshes of everything before memory is read again. */
const refreshes = 20
const chosen = kinds.filter(({ title }) => title.includes(values.only ?? ''))
const few = namesOf(10)
const many = namesOf(50)

interface Cost {
  readonly ready: number[]
  readonly atReady: number[]
  readonly later: number[]
}

execFileSync(process.execPath, [fileURLToPath(new URL('../scripts/build.ts', import.meta.url))])
const costs = new Map<string, Cost>(chosen.map(({ title }) => [title, { ready: [], atReady: [], later: [] }]))
// In turns, so that whatever else the machine does meets all of them alike.
for (let round = 0; round < rounds; round += 1) {
  for (const kind of chosen) {
    const cost = costs.get(kind.title)
    const stage = new Stage()
    const backend = await kind.start(stage.test, few)
    if (cost !== undefined) await measure(backend, cost)
    await stage.end()
  }
}
const requests = new Map<string, number>()
for (const kind of chosen) {
  const stage = new Stage()
  const backend = await kind.start(stage.test, many)
  const before = { ...process.env }
  Object.assign(process.env, backend.env)
  requests.set(kind.title, await requestsAnHour(backend, configurationOf(backend, many)))
  process.env = before
  await stage.end()
}

const text = [...(rounds > 0 ? [machine('none'), costTable()] : []), callsTable()].join('\n\n')
process.stdout.write(`${text}\n`)
if (values.write === true) writeSection(new URL('../docs/performance.md', import.meta.url), 'providers', text)

async function measure(backend: Backend, { ready, atReady, later }: Cost): Promise<void> {
  const sidecar = await runSidecar(JSON.stringify(configurationOf(backend, few)), backend.env)
  ready.push(sidecar.readyMs)
  atReady.push(memoryOf(sidecar.process.pid ?? 0).rss)
  for (let at = 0; at < refreshes; at += 1) {
    for (const name of few) {
      const answer = await fetch(`${sidecar.url}/v1/refresh/${name}`, {
        method: 'POST',
        headers: callerHeaders,
      })
      await answer.arrayBuffer()
    }
  }
  later.push(memoryOf(sidecar.process.pid ?? 0).rss)
  await sidecar.stop()
}

function costTable(): string {
  const [first] = [...costs.values()]
  const rows = [...costs].map(([title, cost]) => [
    title,
    `${median(cost.ready).toFixed(0)} ms`,
    differences(cost.ready, first?.ready, (ms) => `${ms.toFixed(0)} ms`),
    mebibytes(median(cost.atReady)),
    differences(cost.atReady, first?.atReady, mebibytes),
    mebibytes(median(cost.later)),
    differences(cost.later, first?.later, mebibytes),
  ])
  const head = [
    'provider, 10 secrets',
    'from exec to ready',
    'more than `http`',
    'RSS then',
    'more',
    `RSS after ${refreshes} refreshes of all`,
    'more',
  ]
  return table(head, rows)
}

/** The median of the differences, round by round. */
function differences(
  mine: readonly number[],
  peer: readonly number[] = [],
  shown: (value: number) => string,
): string {
  return shown(median(mine.map((value, at) => value - (peer[at] ?? Number.NaN))))
}

function callsTable(): string {
  const rows = [...requests].map(([title, count]) => [title, String(count)])
  return table(['provider, 50 secrets, `refresh: 5m`', 'requests in an hour'], rows)
}

function namesOf(count: number): string[] {
  return Array.from({ length: count }, (_, at) => `secret-${at}`)
}
