/**
 * `node bench/timers.ts [--write]`: what it costs to have 100,000 secrets scheduled: one heap over one timer beside as
 * many timers of Node, and a whole Refresher. `--write` puts the tables into docs/performance.md.
 */
import { parseArgs } from 'node:util'
import { writeSection } from './support/marked-section.ts'
import { table } from './support/statistics.ts'
import { measureIn } from './timers/child.ts'
import type { RefresherMeasured } from './timers/refresher.ts'
import type { TimersMeasured } from './timers/schedule.ts'

const { values } = parseArgs({ options: { write: { type: 'boolean' } } })
const count = 100_000

const heap = await measureIn<TimersMeasured>('./schedule.ts', 'schedule', String(count))
const timers = await measureIn<TimersMeasured>('./schedule.ts', 'timers', String(count))
const refresher = await measureIn<RefresherMeasured>('./refresher.ts', String(count))

const bytes = (value: number): string => `${Math.round(value).toLocaleString('en')} B`
const row = (name: string, measured: TimersMeasured): string[] => [
  name,
  bytes(measured.bytesPerJob),
  `${measured.cpuSeconds.toFixed(2)} s`,
  ((measured.cpuSeconds / measured.fired) * 1e6).toFixed(1),
  `${measured.medianLate.toFixed(1)} ms`,
  `${measured.p99Late.toFixed(1)} ms`,
]
const ratio = (of: (measured: TimersMeasured) => number): string => (of(heap) / of(timers)).toFixed(2)
const scheduled = table(
  [
    `${count.toLocaleString('en')} jobs, each once in 20 s, for 25 s of real time`,
    'heap for each',
    'CPU',
    'µs a job',
    'late by (median)',
    'p99',
  ],
  [
    row("Sidekeep's Schedule: one heap over one timer", heap),
    row('setTimeout for each', timers),
    ['ratio', ratio((one) => one.bytesPerJob), '', ratio((one) => one.cpuSeconds / one.fired), '', ''],
  ],
)
const { bytes: parts } = refresher
const held = table(
  [`a Refresher with ${count.toLocaleString('en')} declared secrets of 32 B, key by key`, 'for each secret'],
  [
    ['its rule', bytes(parts.rules)],
    ['its place in the cache, nothing held', bytes(parts.cache)],
    ['its unit in the refresher', bytes(parts.refresher)],
    [
      'what is held once it is loaded: value, rendering, the schedules of its refresh and of its state',
      bytes(parts.loaded),
    ],
    ['heap in all', bytes(parts.rules + parts.cache + parts.refresher + parts.loaded)],
    ['RSS in all, with what the collector has not given back', bytes(refresher.rssPerSecret)],
    [
      'CPU for one refresh, without a network',
      `${((refresher.cpuSeconds / refresher.calls) * 1e6).toFixed(1)} µs`,
    ],
  ],
)
if (refresher.fresh !== count) throw new Error(`only ${refresher.fresh} secrets were fresh: measured nothing`)

const report = `${scheduled}\n\n${held}`
process.stdout.write(`${report}\n`)
if (values.write === true) writeSection(new URL('../docs/performance.md', import.meta.url), 'timers', report)
