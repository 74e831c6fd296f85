/**
 * `npm run fleet [-- --quick] [-- --sidecars N] [-- --write]`: simulates a fleet of sidecars with the real scheduler on a
 * virtual clock, beside loops around a fixed sleep, and counts what arrives at the one backend they share. `--write` puts
 * the figures into docs/reliability.md and the picture into docs/fleet.svg. Ends with 1 where an aim is missed.
 */
import { writeFileSync } from 'node:fs'
import { parseArgs } from 'node:util'
import { drawChart, type Line, type Panel } from './fleet/chart.ts'
import { dayReport, type Pair, throttleReport } from './fleet/report.ts'
import { hour, minute, type Scenario, second } from './fleet/scenario.ts'
import { runSliced } from './fleet/slices.ts'
import { writeSection } from './support/marked-section.ts'

const { values } = parseArgs({
  options: { quick: { type: 'boolean' }, sidecars: { type: 'string' }, write: { type: 'boolean' } },
})
/** Shorter, not smaller: with fewer sidecars the noise of chance alone would be more than the aims allow. */
const hours = values.quick === true ? 5 : 24
const throttleHours = values.quick === true ? 2 : 4
const sidecars = Number(values.sidecars ?? 10_000)
if (!Number.isInteger(sidecars) || sidecars < 1) throw new Error('--sidecars wants a whole number above 0')

type Common = Omit<Scenario, 'kind'>

const common = {
  sidecars,
  secrets: 20,
  intervalMs: 5 * minute,
  waveMs: minute,
  seed: 20_260_101,
} satisfies Partial<Common>
const outageFrom = Math.floor(hours / 2) * hour
const day: Common = {
  ...common,
  maxStaleMs: 24 * hour,
  lengthMs: hours * hour,
  outage: { fromMs: outageFrom, untilMs: outageFrom + 30 * minute },
}
/** In one piece and so in one heap, since the limit is for all of them together: no more than fit. */
const throttledSidecars = Math.min(sidecars, 5_000)
/** Twice what the fleet would call in the steady state if it called exactly once an interval. */
const limit = Math.round((2 * throttledSidecars * common.secrets) / (common.intervalMs / second))
const throttled: Common = {
  ...common,
  sidecars: throttledSidecars,
  maxStaleMs: 15 * minute,
  lengthMs: throttleHours * hour,
  throttle: { callsPerSecond: limit, retryAfterMs: 10 * second },
}

const dayPair = await runPair(day)
const throttlePair = await runPair(throttled)
const reports = [dayReport(dayPair), throttleReport(throttlePair)] as const
const aims = reports.flatMap((report) => report.aims)
const [dayText, throttleText] = reports.map((report) => report.text)
const report = [
  whatWasSimulated(),
  '![Calls per second at the backend over time, Sidekeep beside a loop around a fixed sleep](fleet.svg)',
  dayText,
  `${throttledSidecars.toLocaleString('en')} such sidecars with \`maxStale: 15m\` for ${throttleHours} h against a backend that answers 429 with \`Retry-After: 10\` to what exceeds ${limit.toLocaleString('en')} calls within a second:`,
  throttleText,
  aims.map(({ words, met }) => `- ${met ? 'met' : '**missed**'}: ${words}`).join('\n'),
].join('\n\n')

process.stdout.write(`${report}\n`)
if (values.write === true) {
  writeFileSync(new URL('../docs/fleet.svg', import.meta.url), drawDay(dayPair))
  writeSection(new URL('../docs/reliability.md', import.meta.url), 'fleet', report)
}
if (aims.some(({ met }) => !met)) process.exitCode = 1

async function runPair(scenario: Common): Promise<Pair> {
  const told = (line: string): void => void process.stderr.write(`${line}\n`)
  const naive = await runSliced({ ...scenario, kind: 'naive' }, told)
  const sidekeep = await runSliced({ ...scenario, kind: 'sidekeep' }, told)
  return { scenario, sidekeep, naive }
}

function whatWasSimulated(): string {
  return `${sidecars.toLocaleString('en')} sidecars × ${common.secrets} secrets, fetched key by key at \`refresh: 5m\`, for ${hours} h of virtual time in steps of 25 ms. All start within ${common.waveMs / second} s. The backend answers within 5 to 200 ms and refuses every connection for 30 minutes from hour ${outageFrom / hour} on. Sidekeep: the product's Refresher, Source and SecretCache with their default limits. Naive: fetch all secrets one after the other, sleep 5 minutes, repeat.`
}

function drawDay({ scenario, naive, sidekeep }: Pair): string {
  const lines: Line[] = [
    { name: 'naive: sleep(5 min)', colour: '#d9822b', perSecond: naive.calls },
    { name: 'Sidekeep', colour: '#2f81f7', perSecond: sidekeep.calls },
  ]
  const from = (scenario.outage?.fromMs ?? 0) / second
  const panels: Panel[] = [
    {
      title: `${hours} hours: busiest second (line) and range of each 5 minutes`,
      fromSecond: 0,
      untilSecond: (hours * hour) / second,
      secondsPerPoint: 300,
      tickEvery: (Math.max(1, hours / 12) * hour) / second,
      tickLabel: (at) => `${at / 3_600} h`,
    },
    {
      title: 'The outage of 30 minutes: busiest second and range of each 10 seconds',
      fromSecond: from - 900,
      untilSecond: from + 3_600,
      secondsPerPoint: 10,
      tickEvery: 600,
      tickLabel: (at) => `${at < from ? '−' : ''}${Math.abs(at - from) / 60} min`,
    },
  ]
  const description = `Calls per second at a backend that ${sidecars.toLocaleString('en')} sidecars share, Sidekeep beside a loop around a fixed sleep`
  return drawChart(lines, panels, description)
}
