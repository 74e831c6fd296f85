/** What happens to a Redis that two sidecars count in, under load, and what their clients notice of it. */
import { setTimeout as pause } from 'node:timers/promises'
import type { RealRedis } from '../redis/server.ts'
import { traceOfCanary } from '../support/canary-trace.ts'
import { isClean, Load, shown } from './load.ts'
import { complains, type Line, type Sidecar } from './sidecar.ts'
import { check, startApplication, startRedis, startSidecar } from './tally.ts'

const [rate, burst] = [400, 100]
/** Of each sidecar, in requests a second: more than the rate, so that it shows whether they share one. */
const asked = 600
/** How long a request may wait for Redis, in milliseconds: more than the default, since a busy machine may stop it. */
const boundMs = 500
/** What the machine may take for everything else, in milliseconds. */
const slackMs = 500
/** For which what passes is counted, in milliseconds. */
const windowMs = 2_000

const begins = ({ msg }: Line): boolean => msg.startsWith('the store of the limits cannot be asked')
const isOver = ({ msg }: Line): boolean => msg === 'the store of the limits is asked again'
const isBack = (lines: Line[]): boolean => lines.findLastIndex(isOver) > lines.findLastIndex(begins)

interface Scene {
  readonly both: readonly Sidecar[]
  loads: readonly Load[]
}

const passed = ({ loads }: Scene): number => loads.reduce((sum, load) => sum + load.passed, 0)
const errorsOf = (one: Sidecar): Promise<number> => one.metric('sidekeep_proxy_limit_store_errors_total')

/** Of the rate that all share: what is let through while `ms` go by. */
async function share(scene: Scene, ms: number): Promise<number> {
  const [before, from] = [passed(scene), performance.now()]
  await pause(ms)
  return (passed(scene) - before) / ((rate * (performance.now() - from)) / 1_000)
}

/** By then the burst, which a Redis that has forgotten everything gives anew, is used up. */
async function checkShared(what: string, scene: Scene): Promise<void> {
  await pause(1_000)
  const part = await share(scene, windowMs)
  check(`${what}: both share one rate (${part.toFixed(2)} of it)`, part > 0.75 && part < 1.25)
}

interface Outage {
  readonly what: string
  readonly happen: () => unknown
  readonly mend: () => unknown
  /** Milliseconds. */
  readonly lasts?: number
}

async function outage(scene: Scene, { what, happen, mend, lasts = windowMs }: Outage): Promise<void> {
  const { both } = scene
  const lines = both.map((one) => one.lines.length)
  const errors = await Promise.all(both.map(errorsOf))
  const since = (at: number): Line[] => both[at]?.lines.slice(lines[at]) ?? []
  scene.loads = await startLoads(both)
  await pause(200)
  await happen()
  await Promise.all(both.map((one, at) => one.says(`${what}: a warning`, () => since(at).some(begins))))
  const part = await share(scene, lasts)
  check(`${what}: meanwhile each has the whole rate (${part.toFixed(2)})`, part > 1.4 && part < 2.3)
  await mend()
  await Promise.all(both.map((one, at) => one.says(`${what}: its end`, () => isBack(since(at)))))
  await checkShared(what, scene)
  await endLoads(what, scene)
  const after = await Promise.all(both.map(errorsOf))
  check(
    `${what}: counted (${after.map((count, at) => count - (errors[at] ?? 0)).join(', ')})`,
    after.every((count, at) => count > (errors[at] ?? 0)),
  )
  for (const at of both.keys()) {
    const told = since(at)
    const warnings = told.filter(begins)
    // A second one has another remedy: a Redis that was started reads its data in, say.
    check(
      `${what}: the log says so once, and once that it is over (${warnings.map(({ code }) => code).join(', ')})`,
      warnings.length <= 2 &&
        told.filter(isOver).length === 1 &&
        told.filter(complains).length === warnings.length,
      JSON.stringify(told.slice(0, 10)),
    )
  }
}

async function startLoads(both: readonly Sidecar[]): Promise<Load[]> {
  return await Promise.all(both.map(({ proxyPort }) => Load.start(proxyPort, '/', asked)))
}

async function endLoads(what: string, { loads }: Scene): Promise<void> {
  await Promise.all(loads.map((load) => load.stop()))
  check(`${what}: nobody was answered but by the limits`, loads.every(isClean), loads.map(shown).join())
  const slowest = Math.max(...loads.map(({ slowestMs }) => slowestMs))
  const own = Math.max(...loads.map(({ ownDelayMs }) => ownDelayMs))
  check(
    `${what}: nobody waited for longer than they may (${slowest.toFixed(0)} ms, of which ${own.toFixed(0)} may be our own)`,
    slowest <= boundMs + slackMs + own,
  )
}

async function flushScripts(scene: Scene, admin: RealRedis['call']): Promise<void> {
  const errors = await Promise.all(scene.both.map(errorsOf))
  scene.loads = await startLoads(scene.both)
  await pause(500)
  const flushes = (async () => {
    for (let round = 0; round < 100; round += 1) {
      await admin('CANARY-first', 'SCRIPT', 'FLUSH')
      await pause(10)
    }
  })()
  await Promise.all([flushes, checkShared('flushed', scene)])
  await endLoads('flushed', scene)
  const after = await Promise.all(scene.both.map(errorsOf))
  check('flushed: scripts that are forgotten are no failure', after.join() === errors.join(), after.join())
}

export async function checkOutages(): Promise<void> {
  const application = await startApplication()
  const redis = await startRedis('--requirepass', 'CANARY-first')
  const admin: RealRedis['call'] = (_, name, ...args) => redis.call('CANARY-first', name, ...args)
  const proxy = {
    limits: [{ name: 'shared', rate: `${rate}/s`, burst }],
    store: { url: redis.url, password: { secret: 'redis' }, timeout: `${boundMs}ms` },
  }
  const options = { application, proxy, password: 'CANARY-first' }
  const scene: Scene = { both: await Promise.all([startSidecar(options), startSidecar(options)]), loads: [] }
  const { both } = scene
  check(
    'with its password Redis is asked from the start',
    both.every(({ complaints }) => complaints.length === 0),
  )
  await flushScripts(scene, admin)
  await outage(scene, { what: 'killed', happen: () => redis.kill(), mend: () => redis.start() })
  await outage(scene, {
    what: 'stopped',
    happen: () => redis.signal('SIGSTOP'),
    mend: () => redis.signal('SIGCONT'),
    lasts: 3_000,
  })
  await outage(scene, {
    what: 'full',
    happen: () => admin(undefined, 'CONFIG', 'SET', 'maxmemory', '1mb', 'maxmemory-policy', 'noeviction'),
    mend: () => admin(undefined, 'CONFIG', 'SET', 'maxmemory', '0'),
  })
  await outage(scene, {
    what: 'rotated',
    async happen() {
      await admin(undefined, 'CONFIG', 'SET', 'requirepass', 'CANARY-second')
      await admin(undefined, 'CLIENT', 'KILL', 'TYPE', 'normal', 'SKIPME', 'yes')
    },
    async mend() {
      const wrong = (lines: Line[]): boolean => lines.some(({ code }) => code === 'WRONGPASS')
      await Promise.all(both.map((one) => one.says('that the password is wrong', wrong)))
      for (const one of both) one.setPassword('CANARY-second')
    },
  })
  check(
    'no sidecar has ended',
    both.every(({ isGone }) => !isGone),
  )
  const all = await Promise.all(both.map(async (one) => one.log + (await one.metrics())))
  check('no password is in a log or a metric', traceOfCanary(all.join('\n')) === undefined)
}
