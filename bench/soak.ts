/**
 * `npm run soak -- [--minutes N] [--seconds N] [--seed N] [--rate N] [--without NAME,…] [--keep] [--write]`: runs the built
 * bundle under mixed load while its backends fail and rotate, and holds every answer against what they really had.
 * Prints a report; exits with 1 where anything was wrong. `--without` leaves out kinds of fault, or `reload`; `--keep` leaves the folder with log and samples. `--write` puts the report into docs/reliability.md. The seed
 * is that of all decisions; timing is the machine's.
 */
import { rmSync } from 'node:fs'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { faults } from './soak/faults.ts'
import { render } from './soak/report.ts'
import { run } from './soak/run.ts'
import { buildInto } from './soak/sidecar.ts'
import { writeSection } from './support/marked-section.ts'

const { values } = parseArgs({
  options: {
    minutes: { type: 'string' },
    seconds: { type: 'string' },
    seed: { type: 'string' },
    rate: { type: 'string', default: '120' },
    without: { type: 'string', default: '' },
    keep: { type: 'boolean', default: false },
    write: { type: 'boolean', default: false },
  },
})
const seconds = number('minutes', values.minutes ?? '0') * 60 + number('seconds', values.seconds ?? '0') || 60
const seed = values.seed === undefined ? Math.floor(Math.random() * 2 ** 32) : number('seed', values.seed)
const rate = number('rate', values.rate)
const without = new Set(values.without.split(',').filter((name) => name !== ''))
const known: readonly string[] = [...faults.map(({ fault }) => fault), 'reload']
const unknown = [...without].filter((name) => !known.includes(name))
if (unknown.length > 0)
  fail(`--without: there is no fault ${unknown.join(', ')}; there are ${known.join(', ')}`)

const folder = await mkdtemp(join(tmpdir(), 'sidekeep-soak-'))
for (const [signal, code] of [
  ['SIGINT', 130],
  ['SIGTERM', 143],
] as const) {
  process.once(signal, () => {
    rmSync(folder, { recursive: true, force: true })
    process.exit(code)
  })
}
say(`seed ${seed}, ${seconds} s`)
const facts = await run({
  entry: buildInto(join(folder, 'dist')),
  folder,
  seconds,
  seed,
  rate,
  without,
  say,
})
const report = render(facts)
process.stdout.write(`${report}\n`)
if (values.write) writeSection(new URL('../docs/reliability.md', import.meta.url), 'soak', report)
if (facts.findings.length > 0) {
  say('failed')
  process.exitCode = 1
}
if (facts.findings.length > 0 || values.keep) {
  await writeFile(join(folder, 'samples.json'), JSON.stringify(facts.samples))
  say(`configuration, log and samples are left in ${folder}`)
} else await rm(folder, { recursive: true, force: true })

function say(words: string): void {
  process.stderr.write(`soak: ${words}\n`)
}

function number(option: string, text: string): number {
  const parsed = Number(text)
  if (!Number.isFinite(parsed) || parsed < 0) fail(`--${option} wants a number`)
  return parsed
}

function fail(words: string): never {
  say(words)
  process.exit(2)
}
