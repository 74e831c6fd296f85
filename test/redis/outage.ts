/** What the parts of the check share: what is counted, what is cleaned up, and what an outage looks like. */
import { setTimeout as pause } from 'node:timers/promises'
import { parseArgs } from 'node:util'
import { RealRedis } from './server.ts'
import { Load, openSidecar, redisConfig, type Sidecar } from './sidecar.ts'

export const { scratch = '' } = parseArgs({ options: { scratch: { type: 'string' } } }).values
if (scratch === '') throw new Error('--scratch is missing')

/** Milliseconds in which Redis must be asked again once it answers: the longest wait between attempts, and some more. */
const patience = 6_000
/** How long a request may wait, in milliseconds: more than the default, since a busy machine may stop Redis for that long. */
const bound = 250
/** What the system may take to run us, in milliseconds, besides what is measured. */
const slack = 50

export const counts = { passed: 0, failed: 0 }
export const cleaners: (() => unknown)[] = []

export function check(what: string, isSo: boolean, detail = ''): void {
  if (isSo) counts.passed += 1
  else counts.failed += 1
  console.log(`${isSo ? 'ok' : 'not ok'} - ${what}${isSo || detail === '' ? '' : `: ${detail}`}`)
}

export async function until(isSo: () => boolean, ms = patience): Promise<boolean> {
  const end = performance.now() + ms
  while (!isSo()) {
    if (performance.now() > end) return false
    await pause(10)
  }
  return true
}

export async function start(...args: string[]): Promise<RealRedis> {
  const redis = await RealRedis.start(scratch, ...args)
  cleaners.push(() => redis.kill())
  return redis
}

export const boundedTo = (url: string, options: Parameters<typeof redisConfig>[1] = {}) =>
  redisConfig(url, { timeout: bound, ...options })

type Settings = Parameters<typeof openSidecar>
export async function sidecar(...settings: Settings): Promise<Sidecar> {
  const one = await openSidecar(...settings)
  cleaners.push(() => one.store.close())
  return one
}

export const codes = ({ told }: Sidecar): unknown[] => told.lines.map(({ code, msg }) => code ?? msg)
export const isBack = ({ told }: Sidecar): boolean => told.messages.at(-1)?.includes('asked again') ?? false

/** Something happens to Redis under load and is over again: nobody waits for long, and it is asked again. */
export async function outage(
  what: string,
  one: Sidecar,
  happen: () => unknown,
  mend: () => unknown,
): Promise<void> {
  const { told } = one
  const [lines, failures] = [told.lines.length, told.failures.length]
  const load = new Load(one.store, 16)
  await pause(200)
  const isAsked = told.failures.length === failures && load.longestWait > 0
  check(`${what}: before it Redis is asked, and nothing fails`, isAsked, String(codes(one)))
  await happen()
  check(`${what}: it is noticed`, await until(() => told.lines.length > lines), String(codes(one)))
  await pause(2_500)
  const without = load.asked
  await pause(100)
  check(`${what}: requests go on without it`, load.asked > without)
  await mend()
  check(`${what}: it is asked again`, await until(() => isBack(one)), String(codes(one)))
  await pause(200)
  await load.stop()
  const most = bound + slack + load.ownDelay
  const waited = `${load.longestWait.toFixed(1)} ms, of which ${load.ownDelay.toFixed(1)} may be our own`
  check(`${what}: nobody waited for longer than they may (${waited})`, load.longestWait <= most)
  check(
    `${what}: one line when it began, one when it was over`,
    told.lines.length <= lines + 3,
    String(codes(one)),
  )
}

export async function cleanUp(): Promise<void> {
  for (const clean of cleaners.splice(0).reverse()) await clean()
}
