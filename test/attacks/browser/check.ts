/**
 * What pages in a real browser can do to the sidecar: nothing. Chromium opens a page of another site, one of another port
 * of this machine, and one whose name is rebound to the sidecar; each tries all of page.js on a sidecar that wants the
 * header, one that is open, one that has callers, and on a server without a door, which shows that the attacks are real.
 * Prints a line for each check and `N passed, N failed`; exits with 1 where one failed.
 *
 *     node check.ts --chromium PROGRAM --bundle FILE --scratch FOLDER
 */
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import * as z from 'zod'
import { traceOfCanary } from '../../support/canary-trace.ts'
import type { Report } from './attacker.ts'
import { Attacker, Rebound } from './attacker.ts'
import { Chromium } from './chromium.ts'
import { Naive } from './naive.ts'
import { Sidecar } from './sidecar.ts'

/** For one page, in milliseconds: it gives up itself after a few seconds, but the browser has to start. */
const patience = 40_000

const { values } = parseArgs({
  options: { chromium: { type: 'string' }, bundle: { type: 'string' }, scratch: { type: 'string' } },
})
const { chromium, bundle, scratch } = z
  .object({ chromium: z.string(), bundle: z.string(), scratch: z.string() })
  .parse(values)

let passed = 0
let failed = 0

function check(what: string, isSo: boolean, detail = ''): void {
  if (isSo) passed += 1
  else failed += 1
  console.log(`${isSo ? 'ok' : 'not ok'} - ${what}${isSo || detail === '' ? '' : `: ${detail}`}`)
}

const attacker = new Attacker()
const cleaners: (() => unknown)[] = [() => attacker.stop()]

/** Has a page of this origin attack the target, and gives its report. */
async function attack(from: string, target: string, rebinds = false): Promise<Report> {
  const { promise, resolve, reject } = Promise.withResolvers<Report>()
  attacker.onReport = resolve
  attacker.serve({ from, target }, rebinds)
  attacker.go(from)
  const timer = setTimeout(() => reject(new Error(`no report from ${from}`)), patience)
  try {
    return await promise
  } finally {
    clearTimeout(timer)
  }
}

/** The same with a page whose own name leads to the target once it is loaded. */
async function attackRebound(name: string, targetPort: number): Promise<Report> {
  let page = ''
  const rebound = new Rebound(() => page, targetPort)
  const port = await rebound.start()
  const origin = `http://${name}.example:${port}`
  page = attacker.serve({ from: origin, target: origin }, true)
  attacker.onRebind = () => {
    rebound.isRebound = true
  }
  try {
    return await attack(origin, origin, true)
  } finally {
    rebound.stop()
  }
}

const saw = (report: Report, vector: string): string =>
  report.find((entry) => entry.vector === vector)?.saw ?? ''
const leaks = (report: Report): string[] =>
  report.filter(({ saw }) => traceOfCanary(saw) !== undefined).map(({ vector }) => vector)
/** What only the sidecar says: names, metrics, its own document, an open stream. */
const showsMore = (report: Report): string[] =>
  report
    .filter(({ saw }) => /^open|status 2|"provider"|sidekeep_|openapi"|"version"/.test(saw))
    .map(({ vector }) => vector)

const isReading = (vector: string): boolean => !vector.startsWith('POST')

async function checkNaive(): Promise<void> {
  const naive = new Naive()
  const port = await naive.start()
  cleaners.push(() => naive.stop())
  const target = `http://127.0.0.1:${port}`
  for (const [origin, run] of [
    ['another site', () => attack(`http://evil.example:${attacker.port}`, target)],
    ['another port', () => attack(`http://127.0.0.1:${attacker.port}`, target)],
    ['a rebound name', () => attackRebound('rebind-naive', port)],
  ] as const) {
    naive.refreshes = 0
    const report = await run()
    const read = leaks(report)
    check(
      `a server without a door is read by a page of ${origin}`,
      ['fetch: cors', 'fetch: with the header of the door', 'XMLHttpRequest'].every((one) =>
        read.includes(one),
      ) && read.includes('EventSource'),
      read.join(', '),
    )
    check(
      `and is made to act by it (${naive.refreshes} times)`,
      naive.refreshes >= report.filter(({ vector }) => !isReading(vector)).length,
    )
    if (origin === 'a rebound name') {
      check('a rebound page reads frames and windows as its own', saw(report, 'a frame').includes('CANARY-'))
    }
  }
}

async function checkSidecar(name: string, api: object): Promise<void> {
  const sidecar = new Sidecar()
  cleaners.push(() => sidecar.stop())
  await sidecar.start(bundle, join(scratch, name), api)
  const calls = sidecar.backend.requests.length
  for (const [origin, refused, run] of [
    ['another site', 403, () => attack(`http://evil.example:${attacker.port}`, sidecar.api)],
    ['another port', 403, () => attack(`http://127.0.0.1:${attacker.port}`, sidecar.api)],
    ['a rebound name', 421, () => attackRebound(`rebind-${name}`, sidecar.port)],
  ] as const) {
    const before = await sidecar.answered()
    const report = await run()
    const after = await sidecar.answered()
    const more = (status: number): number => (after.get(status) ?? 0) - (before.get(status) ?? 0)
    for (const { vector, saw } of report) {
      check(`${name}: ${origin}: ${vector}`, traceOfCanary(saw) === undefined, saw.slice(0, 200))
    }
    const shown = showsMore(report)
    check(`${name}: ${origin} sees no name, no metric and no event`, shown.length === 0, shown.join(', '))
    check(
      `${name}: what came from ${origin} was refused (${more(refused)} times ${refused})`,
      more(refused) >= report.length / 2,
      JSON.stringify([...after]),
    )
    const others = [...after.keys()].filter((status) => status < 400 && more(status) > 0)
    check(`${name}: and nothing of it was let in`, others.length === 0, others.join(', '))
  }
  check(`${name}: the backend was not asked`, sidecar.backend.requests.length === calls)
  check(`${name}: the log carries no value`, traceOfCanary(sidecar.output) === undefined)
  await sidecar.stop()
}

async function cleanUp(): Promise<void> {
  for (const clean of cleaners.splice(0).reverse()) await clean()
}
// The browser is a group of its own: a signal for this process alone would leave it.
for (const name of ['SIGINT', 'SIGTERM'] as const) {
  process.once(name, () => void cleanUp().finally(() => process.exit(1)))
}

const tokenFile = join(scratch, 'token')
writeFileSync(tokenFile, 'CANARY-7f3a91c05be246d8a1c4e0975d2b68f3\n', { mode: 0o600 })

try {
  await attacker.start()
  const browser = new Chromium(chromium, scratch, `${attacker.home}/start`)
  cleaners.push(() => browser.stop())
  await checkNaive()
  await checkSidecar('header', {})
  await checkSidecar('open', { access: 'open' })
  await checkSidecar('callers', {
    callers: {
      web: { tokens: [{ file: tokenFile }], allow: ['*'], rights: ['read', 'list', 'watch', 'refresh'] },
    },
  })
} catch (error) {
  check('the check runs to its end', false, error instanceof Error ? error.message : String(error))
} finally {
  await cleanUp()
}
console.log(`${passed} passed, ${failed} failed`)
process.exitCode = failed === 0 ? 0 : 1
