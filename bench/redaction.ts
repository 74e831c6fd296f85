/**
 * `node bench/redaction.ts [--write]`: what it costs the log that nothing is written with a value in it: lines a
 * second of processor time through pino to /dev/null without a matcher, with ours, and with an Aho-Corasick automaton over all forms of all values
 * (`modern-ahocorasick`). `--write` puts the table into docs/performance.md.
 */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { text } from 'node:stream/consumers'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import type { Measured } from './redaction/child.ts'
import { writeSection } from './support/marked-section.ts'
import { median, ratio, table } from './support/statistics.ts'

const { values } = parseArgs({ options: { write: { type: 'boolean' } } })
const rows: string[][] = []
for (const count of [10, 1_000, 10_000]) {
  const [none, ours] = await measure(count, 41, ['none', 'ours'])
  rows.push(row(count, 'none', none, none), row(count, 'ours', ours, none))
  // By itself: what it leaves to the collector would count against the others.
  const [again, library] = await measure(count, 5, ['none', 'library'])
  rows.push(row(count, 'Aho-Corasick automaton', library, again))
}
const head = [
  'secrets',
  'matcher',
  'lines in a second of processor time',
  'throughput against none',
  'memory for each secret',
  'to take them in',
]
const report = table(head, rows)
process.stdout.write(`${report}\n`)
if (values.write === true)
  writeSection(new URL('../docs/performance.md', import.meta.url), 'redaction', report)

function row(count: number, name: string, one: Measured | undefined, none: Measured | undefined): string[] {
  if (one === undefined || none === undefined) throw new Error(`${name} was not measured`)
  const ratios = one.times.map((time, at) => (none.times[at] ?? Number.NaN) / time)
  const isNone = one === none
  return [
    count.toLocaleString('en'),
    name,
    Math.round(1e9 / median(one.times)).toLocaleString('en'),
    isNone ? '' : `${ratio(median(ratios))} (${ratio(quartile(ratios, 1))}–${ratio(quartile(ratios, 3))})`,
    isNone ? '' : `${(one.bytes / count / 1_024).toFixed(1)} KiB`,
    isNone ? '' : `${one.buildMs.toFixed(0)} ms`,
  ]
}

function quartile(numbers: readonly number[], which: 1 | 3): number {
  const sorted = numbers.toSorted((a, b) => a - b)
  return sorted[Math.round(((sorted.length - 1) * which) / 4)] ?? Number.NaN
}

async function measure(count: number, rounds: number, matchers: readonly string[]): Promise<Measured[]> {
  const program = fileURLToPath(new URL('redaction/child.ts', import.meta.url))
  const args = [
    '--expose-gc',
    '--max-old-space-size=8192',
    program,
    String(count),
    String(rounds),
    ...matchers,
  ]
  const child = spawn(process.execPath, args, { stdio: ['ignore', 'ignore', 'pipe'] })
  const [told, [code]] = await Promise.all([text(child.stderr), once(child, 'exit')])
  if (code !== 0) throw new Error(`the measurement ended with ${code}: ${told.slice(0, 2_000)}`)
  return JSON.parse(told) as Measured[]
}
