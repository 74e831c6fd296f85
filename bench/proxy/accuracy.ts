/** A limit under more load than it lets pass: how many it let pass, beside what it should have. */
import { setTimeout as pause } from 'node:timers/promises'
import { table } from '../support/statistics.ts'
import type { WrkReport } from '../support/wrk.ts'
import { atMost, type Figure } from './aims.ts'
import type { BenchLimit } from './limits.ts'
import { listed, type Part } from './part.ts'
import { paths } from './paths.ts'
import { locate } from './programs.ts'
import { startOnRedis, startRedis } from './redis.ts'
import type { Scene } from './scene.ts'
import { type Sidekeep, startSidekeep, written } from './sidekeep.ts'
import { type Subject, whyLeftOut } from './subject.ts'
import { fastify, nginx } from './subjects.ts'
import { runWrk } from './wrk.ts'

const limit: BenchLimit = { name: 'client', key: 'client-ip', rate: 1_000, burst: 100 }
const limits = [limit]
const connections = 32
/** After the warm-up, until the burst is whole again. */
const restMs = 1_500

interface Counted {
  readonly name: string
  readonly reports: readonly WrkReport[]
  /** By the proxies' own counters; undefined where they have none. */
  readonly limited: number | undefined
  readonly isOurs: boolean
}

export async function benchAccuracy(scene: Scene, quick: boolean): Promise<Part> {
  locate('wrk')
  const seconds = quick ? 3 : 10
  const counted: Counted[] = []
  const leftOut: string[] = []
  const attempt = async (name: string, count: () => Promise<Counted>): Promise<void> => {
    try {
      counted.push(await count())
    } catch (error) {
      leftOut.push(whyLeftOut(name, error))
    }
  }
  const doubts: (string | undefined)[] = []
  const onRedis = (name: string, sidecars: number) =>
    attempt(name, async () => {
      const redis = await startRedis(scene)
      const ours: Sidekeep[] = []
      try {
        for (let at = 0; at < sidecars; at += 1) ours.push(await startOnRedis(scene, { name, redis, limits }))
        const result = await count(name, ours, scene, seconds, ours)
        for (const sidekeep of ours) doubts.push(await sidekeep.doubt?.())
        return result
      } finally {
        await stopAll(ours)
        await redis.stop()
      }
    })
  await attempt('Sidekeep', async () => {
    const sidekeep = await startSidekeep(scene, { name: 'Sidekeep', proxy: { limits: limits.map(written) } })
    return count('Sidekeep', [sidekeep], scene, seconds, [sidekeep]).finally(() => sidekeep.stop())
  })
  await onRedis('Sidekeep on Redis', 1)
  await onRedis('two Sidekeeps, one Redis', 2)
  for (const kind of [nginx, fastify]) {
    const { name, start } = kind(scene, { limits })
    await attempt(name, async () => {
      const subject = await start()
      return count(name, [subject], scene, seconds).finally(() => subject.stop())
    })
  }
  return { text: listed(tableOf(counted), ...leftOut, ...doubts), aims: [aimOf(counted)] }
}

async function count(
  name: string,
  subjects: readonly Subject[],
  { cores }: Scene,
  seconds: number,
  ours: readonly Sidekeep[] = [],
): Promise<Counted> {
  const load = (duration: number): Promise<WrkReport[]> =>
    Promise.all(
      subjects.map(({ url }) =>
        runWrk({ url: `${url}${paths.small}`, connections, seconds: duration }, cores),
      ),
    )
  await load(1)
  await pause(restMs)
  const before = await limitedBy(ours)
  const reports = await load(seconds)
  const isOurs = ours.length > 0
  return { name, reports, isOurs, limited: isOurs ? (await limitedBy(ours)) - before : undefined }
}

async function limitedBy(ours: readonly Sidekeep[]): Promise<number> {
  const counts = await Promise.all(ours.map((one) => one.metric('sidekeep_proxy_limited_total')))
  return counts.reduce((sum, count) => sum + count, 0)
}

async function stopAll(subjects: readonly Subject[]): Promise<void> {
  await Promise.all(subjects.map((subject) => subject.stop()))
}

const sum = (reports: readonly WrkReport[], of: (report: WrkReport) => number): number =>
  reports.reduce((total, report) => total + of(report), 0)

const passed = ({ reports }: Counted): number => sum(reports, ({ requests, refused }) => requests - refused)

/** The burst, and the rate for as long as the load went on. */
const allowed = ({ reports }: Counted): number =>
  limit.burst + limit.rate * Math.max(...reports.map(({ seconds }) => seconds))

/** Of what it should have let pass. */
const deviation = (one: Counted): number => passed(one) / allowed(one) - 1

const percent = (value: number): string => `${(value * 100).toFixed(2)} %`

function tableOf(counted: readonly Counted[]): string {
  const whole = (value: number): string => Math.round(value).toLocaleString('en')
  const head = [
    `${whole(limit.rate)}/s, burst ${limit.burst}`,
    'offered',
    'passed',
    'burst + rate × t',
    'deviation',
    'refused',
    'refused, by its own counter',
  ]
  return table(
    head,
    counted.map((one) => [
      one.name,
      whole(sum(one.reports, ({ requests }) => requests)),
      whole(passed(one)),
      whole(allowed(one)),
      percent(deviation(one)),
      whole(sum(one.reports, ({ refused }) => refused)),
      one.limited === undefined ? '' : whole(one.limited),
    ]),
  )
}

function aimOf(counted: readonly Counted[]) {
  const figures = counted
    .filter(({ isOurs }) => isOurs)
    .map((one): Figure => ({ of: one.name, value: Math.abs(deviation(one)) }))
  return atMost(0.01, { words: 'within 1 % of burst + rate × t', figures, show: percent })
}
