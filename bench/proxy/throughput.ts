/** All of them side by side: throughput, latency, processor time and memory for three kinds of requests. */
import { memoryOf } from '../support/memory.ts'
import { roomyLimits } from './limits.ts'
import { inTurn, type Load, measure } from './measure.ts'
import { names } from './names.ts'
import { listed, type Part } from './part.ts'
import { paths, uploadBytes } from './paths.ts'
import { locate } from './programs.ts'
import { startOnRedis, startRedis } from './redis.ts'
import type { Scene } from './scene.ts'
import { type Subject, type SubjectKind, startAll } from './subject.ts'
import { direct, fastify, haproxy, limited, nginx, plain } from './subjects.ts'
import { aimsOf, type Case, caseTable, smallName } from './throughput-report.ts'

export async function benchThroughput(scene: Scene, quick: boolean): Promise<Part> {
  locate('wrk')
  const { subjects, leftOut } = await startAll([
    direct(scene),
    plain(scene),
    limited(scene),
    onRedis(scene),
    fastify(scene),
    nginx(scene),
    haproxy(scene),
  ])
  try {
    const cases = await measureAll(scene, subjects, quick ? quickly : thoroughly)
    const doubts = await Promise.all(subjects.map(async (subject) => subject.doubt?.()))
    return {
      aims: aimsOf(cases),
      text: listed(...cases.map(caseTable), ...leftOut, ...doubts),
    }
  } finally {
    await Promise.all(subjects.map((subject) => subject.stop()))
  }
}

interface Effort {
  readonly rounds: number
  readonly seconds: number
  readonly warmUpSeconds: number
}

const quickly: Effort = { rounds: 1, seconds: 1, warmUpSeconds: 1 }
const thoroughly: Effort = { rounds: 5, seconds: 2, warmUpSeconds: 3 }

async function measureAll(scene: Scene, subjects: readonly Subject[], effort: Effort): Promise<Case[]> {
  const script = await scene.write(
    'upload.lua',
    `wrk.method = "POST"
wrk.body = string.rep("x", ${uploadBytes})
wrk.headers["Content-Type"] = "application/octet-stream"
`,
  )
  const loads = [
    { name: smallName, path: paths.small },
    { name: 'GET 64 KiB', path: paths.large },
    { name: 'POST 16 KiB', path: paths.upload, script },
  ]
  const cases: Case[] = []
  for (const { name, ...load } of loads) {
    for (const connections of [32, 256]) {
      process.stderr.write(`${name}, ${connections} connections\n`)
      cases.push({ name, connections, rows: await rowsOf(scene, subjects, { ...load, connections }, effort) })
    }
  }
  return cases
}

async function rowsOf(
  { cores }: Scene,
  subjects: readonly Subject[],
  load: Load,
  { rounds, seconds, warmUpSeconds }: Effort,
): Promise<Case['rows']> {
  for (const subject of subjects) await measure(subject, load, warmUpSeconds, cores)
  const runs = await inTurn(subjects, rounds, (subject) => measure(subject, load, seconds, cores))
  return subjects.map(({ name, pid }, at) => ({
    name,
    runs: runs[at] ?? [],
    rss: pid === undefined ? undefined : memoryOf(pid).rss,
  }))
}

/** With a Redis of its own. */
function onRedis(scene: Scene): SubjectKind {
  const name = names.redis
  return {
    name,
    async start() {
      const redis = await startRedis(scene)
      try {
        const sidekeep = await startOnRedis(scene, { name, redis, limits: roomyLimits })
        const stop = async (): Promise<void> => {
          await sidekeep.stop()
          await redis.stop()
        }
        return { ...sidekeep, stop }
      } catch (error) {
        await redis.stop()
        throw error
      }
    },
  }
}
