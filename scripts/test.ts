/**
 * Runs the tests: all of them with coverage and its threshold, or the files and options given on the command line
 * (`npm test -- test/api/guard.test.ts`) without. Ends with the line `N passed, N failed`, which counts test points as
 * tap does, and the coverage threshold as one more.
 */
import { spawn } from 'node:child_process'
import { mkdirSync, readFileSync, rmSync } from 'node:fs'
import { availableParallelism } from 'node:os'
import { dirname, join } from 'node:path'
import { judgeCoverage } from './lib/coverage.ts'
import { countsOf, failuresOf, nameOf } from './lib/tap-report.ts'

/** Percent of the lines of src/ that a full run must cover. */
const leastLines = 95

const root = dirname(import.meta.dirname)
const rawReport = join(root, '.tap', 'run.tap')
const coverageReport = join(root, '.tap', 'report', 'coverage-summary.json')
const showCursor = '\u001b[?25h'

async function main(): Promise<void> {
  const chosen = process.argv.slice(2)
  const everything = chosen.length === 0
  mkdirSync(dirname(rawReport), { recursive: true })
  for (const stale of [rawReport, coverageReport]) rmSync(stale, { force: true })

  // A table of all files is for a terminal; in a log it would bury what failed.
  const table = process.stdout.isTTY ? ['--coverage-report=text'] : []
  const code = await runTap(
    everything ? [...table, '--coverage-report=json-summary'] : ['--disable-coverage', ...chosen],
  )
  const tap = readOrEmpty(rawReport)
  const counts = countsOf(tap) ?? { passed: 0, failed: 0, left: 0 }
  let { passed, failed } = counts
  if (!process.stdout.isTTY) {
    const failures = failuresOf(tap)
    for (const failure of failures) console.log(`\n${failure}`)
    // Once more in short: a reader of a long log begins at its end.
    for (const failure of failures) console.log(`FAILED ${nameOf(failure)}`)
  }
  if (everything) {
    const summary = readOrEmpty(coverageReport)
    const verdict = judgeCoverage(root, summary === '' ? {} : JSON.parse(summary), leastLines)
    console.log(verdict.message)
    if (verdict.ok) passed += 1
    else failed += 1
  }
  if (code !== 0 && failed === 0) {
    console.log(`tap ended with ${code} although no test point failed; its output above says why`)
    failed += 1
  }
  if (counts.left > 0) console.log(`${counts.left} skipped or todo`)
  console.log(`${passed} passed, ${failed} failed`)
  process.exitCode = code !== 0 ? code : failed > 0 ? 1 : 0
}

/** The exit code of tap; 1 where a signal ended it. */
function runTap(args: readonly string[]): Promise<number> {
  const tap = join(root, 'node_modules', 'tap', 'dist', 'esm', 'run.mjs')
  // On a terminal tap redraws its report; elsewhere `CI` makes it print a line for each file instead.
  const terminal = process.stdout.isTTY
  const env = terminal ? process.env : { ...process.env, CI: 'true' }
  // Of two processors tap would leave one free, yet half of the time a test waits for processes and timers.
  const jobs = availableParallelism() === 2 ? ['--jobs=2'] : []
  const options = ['--reporter=base', `--output-file=${rawReport}`, ...jobs, ...args]
  const child = spawn(process.execPath, [tap, ...options], {
    cwd: root,
    stdio: ['inherit', terminal ? 'inherit' : 'pipe', 'inherit'],
    env,
  })
  // tap ends with the control sequence that shows the cursor, which would stand before our last line.
  child.stdout
    ?.setEncoding('utf8')
    .on('data', (text: string) => process.stdout.write(text.replaceAll(showCursor, '')))
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, () => child.kill(signal))
  return new Promise((resolve, reject) => {
    child.once('error', reject)
    child.once('close', (code) => resolve(code ?? 1))
  })
}

function readOrEmpty(file: string): string {
  try {
    return readFileSync(file, 'utf8')
  } catch {
    return ''
  }
}

await main()
