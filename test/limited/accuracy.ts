/** How many requests are let through, beside how many should be: in memory, and by two sidecars on one Redis. */
import { setTimeout as pause } from 'node:timers/promises'
import { askOnce, headerOf } from './client.ts'
import { hasPassed, isClean, Load, shown } from './load.ts'
import type { Sidecar } from './sidecar.ts'
import { check, startApplication, startRedis, startSidecar } from './tally.ts'
import { judgeAgainst } from './verdict.ts'

/** A second's worth at once: what a busy machine keeps us from asking for is not lost that way. */
const [rate, burst] = [500, 500]
/** Requests that are asked for each that may pass. */
const overload = 3
const seconds = 8

const limits = [
  { name: 'steady', match: { path: '/steady' }, rate: `${rate}/s`, burst },
  { name: 'rare', match: { path: '/rare' }, rate: '30/m', burst: 1 },
  { name: 'few', match: { path: '/few' }, rate: '1/m', burst: 20 },
]

const percent = (part: number): string => `${(100 * part).toFixed(2)} %`

/** Overload on all of them together, and what came of it. */
async function measure(what: string, sidecars: readonly Sidecar[], meanwhile = async () => {}) {
  const share = (rate * overload) / sidecars.length
  // Whoever asks for the first time waits for longer.
  await Promise.all(sidecars.map(({ proxyPort }) => askOnce(proxyPort, '/')))
  const loads = await Promise.all(sidecars.map(({ proxyPort }) => Load.start(proxyPort, '/steady', share)))
  await Promise.all([pause(seconds * 1_000), meanwhile()])
  await Promise.all(loads.map((load) => load.stop()))
  const answers = loads.flatMap((load) => load.answers)
  const { passed, off, before, excess } = judgeAgainst({ rate, burst }, answers)
  check(
    `${what}: ${passed} passed between two refusals, ${percent(off)} off ${rate}/s`,
    Math.abs(off) <= 0.01,
  )
  check(`${what}: at least the burst before (${before})`, before >= burst)
  check(`${what}: never more than burst + rate × t (by ${percent(excess)})`, excess <= 0.01)
  check(
    `${what}: it was asked for more (${answers.length})`,
    answers.length >= 1.5 * (burst + rate * seconds),
  )
  check(`${what}: nothing else was answered`, loads.every(isClean), loads.map(shown).join())
  const limited = await Promise.all(
    sidecars.map((one) => one.metric('sidekeep_proxy_limited_total', 'limit="steady"')),
  )
  const refused = limited.reduce((a, b) => a + b)
  const all = answers.filter(hasPassed).length + refused
  check(`${what}: passed and sidekeep_proxy_limited_total make all (${refused})`, all === answers.length)
  return loads
}

/** Waits as it is told to, and not a second less. */
async function waitAsTold({ proxyPort }: Sidecar): Promise<void> {
  const ask = () => askOnce(proxyPort, '/rare')
  const first = await ask()
  const refused = await ask()
  const told = Number(headerOf(refused.head, 'Retry-After'))
  check(
    `Retry-After is 2 s for 30/m`,
    first.status === 200 && refused.status === 429 && told === 2,
    refused.head,
  )
  const early = await ask()
  await pause(told * 1_000)
  const late = await ask()
  check(
    'who waits as told is let through, who does not is not',
    early.status === 429 && late.status === 200,
    `${early.status}, ${late.status}`,
  )
}

export async function checkMemory(): Promise<void> {
  const application = await startApplication()
  const one = await startSidecar({ application, proxy: { limits }, password: 'CANARY-unused' })
  await measure('in memory', [one], () => waitAsTold(one))
  check('in memory: the log has nothing to complain of', one.complaints.length === 0, one.log)
}

export async function checkSharing(): Promise<void> {
  const application = await startApplication()
  const redis = await startRedis()
  // Long enough for a busy machine: here it is what is counted that matters.
  const proxy = { limits, store: { url: redis.url, timeout: '2s' } }
  const options = { application, proxy, password: 'CANARY-unused' }
  const both = await Promise.all([startSidecar(options), startSidecar(options)])
  const loads = await measure('two on one Redis', both)
  const total = loads.reduce((sum, { passed }) => sum + passed, 0)
  const parts = loads.map(({ passed }) => `${((100 * passed) / total).toFixed(0)} %`)
  check(
    `two on one Redis: each has a part (${parts.join(', ')})`,
    loads.every(({ passed }) => passed > total / 10),
  )
  const left: (string | undefined)[] = []
  for (const { proxyPort } of [...both, ...both]) {
    const { head } = await askOnce(proxyPort, '/few')
    left.push(/r=(\d+)/.exec(headerOf(head, 'RateLimit') ?? '')?.[1])
  }
  check(
    `two on one Redis: their RateLimit headers count down together (${left.join(', ')})`,
    left.join() === '19,18,17,16',
  )
  const errors = await Promise.all(both.map((one) => one.metric('sidekeep_proxy_limit_store_errors_total')))
  check('two on one Redis: it was there all the time', errors.join() === '0,0', errors.join())
}
