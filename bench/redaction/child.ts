/**
 * `child.ts COUNT ROUNDS MATCHER…` logs to standard output, which is /dev/null, through each of the matchers in turn,
 * round by round, while so many values are held, and tells on standard error how much processor time that took: other
 * processes of the machine count less there. In a process of its own, for its memory.
 */
import { createLog, flushLog, type Logger } from '../../src/observability/log.ts'
import { logLines } from './lines.ts'
import { type Built, matchers, valuesOf } from './matchers.ts'

const linesInRound = 20_000
const linesInTurn = 1_000

export interface Measured {
  readonly name: string
  /** Of each round, in nanoseconds of processor time for a line: the same round of each matcher makes a pair. */
  readonly times: readonly number[]
  /** To take in all values, in milliseconds. */
  readonly buildMs: number
  /** Of the heap and of buffers, in bytes, once built. */
  readonly bytes: number
}

const [, , count = '0', rounds = '0', ...names] = process.argv
const values = valuesOf(Number(count))
const subjects: { measured: Measured & { times: number[] }; log: Logger; built: Built }[] = []
for (const name of names) {
  const before = collect()
  const began = performance.now()
  const built = await (matchers[name] ?? fail(name))(values)
  const buildMs = performance.now() - began
  const bytes = collect() - before
  const log = await createLog({ level: 'info', format: 'json', values: built.redactor })
  subjects.push({ measured: { name, times: [], buildMs, bytes }, log, built })
}
for (const { log } of subjects) for (let at = 0; at < 2; at += 1) await round(log)
for (let at = 0; at < Number(rounds); at += 1) {
  // Each comes first in turn: the machine has moods.
  for (let index = 0; index < subjects.length; index += 1) {
    const subject = subjects[(index + at) % subjects.length]
    subject?.measured.times.push(await round(subject.log))
  }
}
for (const { built } of subjects) built.check()
process.stderr.write(JSON.stringify(subjects.map(({ measured }) => measured)))
process.exit(0)

/** @returns nanoseconds of all threads for a line */
async function round(log: Logger): Promise<number> {
  const began = process.cpuUsage()
  for (let written = 0; written < linesInRound; written += linesInTurn) {
    logLines(log, written, linesInTurn)
    await flushLog(log)
  }
  const { user, system } = process.cpuUsage(began)
  return (1_000 * (user + system)) / linesInRound
}

function collect(): number {
  for (let turn = 0; turn < 3; turn += 1) globalThis.gc?.()
  const { heapUsed, arrayBuffers } = process.memoryUsage()
  return heapUsed + arrayBuffers
}

function fail(name: string): never {
  throw new Error(`there is no matcher ${name}`)
}
