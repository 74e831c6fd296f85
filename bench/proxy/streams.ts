/** Bodies much larger than what may be held: what the proxy's memory does while one end is slow. */
import { memoryOf } from '../support/memory.ts'
import { mebibytes, table } from '../support/statistics.ts'
import { atMost, type Figure } from './aims.ts'
import { names } from './names.ts'
import { listed, type Part } from './part.ts'
import type { Scene } from './scene.ts'
import { downloadSlowly, type Pace, startSlowUpstream, upload } from './slow.ts'
import { type Subject, startAll } from './subject.ts'
import { fastify, haproxy, limited, nginx } from './subjects.ts'
import { warmUp } from './warm-up.ts'

const aimKib = 16 * 1_024
const sampledEveryMs = 20

export async function benchStreams(scene: Scene, quick: boolean): Promise<Part> {
  const bytes = quick ? 128 * 2 ** 20 : 2 ** 30
  const pace: Pace = { stallMs: quick ? 500 : 2_000, bytesPerSecond: 64 * 2 ** 20 }
  const upstream = await startSlowUpstream(pace)
  const setting = { upstreamPort: upstream.port }
  const { subjects, leftOut } = await startAll(
    [limited, fastify, nginx, haproxy].map((kind) => kind(scene, setting)),
  )
  try {
    const rows: string[][] = []
    const figures: Figure[] = []
    for (const subject of subjects) {
      await warmUp(subject.url, '/512')
      const before = memoryOf(subject.pid ?? 0).rss
      const growth: Figure[] = []
      // Twice: what is held or lost of a stream adds up, what the collector has not taken yet does not.
      for (const pass of ['first', 'second']) {
        const down = await highest(subject, bytes, () => downloadSlowly(subject.url, bytes, pace))
        const up = await highest(subject, bytes, () => upload(subject.url, bytes))
        growth.push(
          { of: `${pass} response`, value: down - before },
          { of: `${pass} upload`, value: up - before },
        )
      }
      rows.push([subject.name, mebibytes(before), ...growth.map(({ value }) => mebibytes(value))])
      if (subject.name === names.limited) figures.push(...growth)
    }
    const size = mebibytes(bytes / 1_024)
    const head = [
      `${size} at ${pace.bytesPerSecond / 2 ** 20} MiB/s, after ${pace.stallMs / 1_000} s without a read`,
      'RSS before',
      'growth, response to a slow client',
      'growth, upload to a slow upstream',
      'a second response',
      'a second upload',
    ]
    const aim = atMost(aimKib, {
      words: `RSS grows by less than ${mebibytes(aimKib)} while ${size} pass`,
      figures,
      show: mebibytes,
    })
    return { text: listed(table(head, rows), ...leftOut), aims: [aim] }
  } finally {
    await Promise.all(subjects.map((subject) => subject.stop()))
    await upstream.stop()
  }
}

/**
 * @returns the largest RSS during the stream, in KiB
 * @throws where not all bytes arrived
 */
async function highest(
  { name, pid = 0 }: Subject,
  bytes: number,
  stream: () => Promise<number>,
): Promise<number> {
  let most = 0
  const look = (): void => {
    most = Math.max(most, memoryOf(pid).rss)
  }
  const timer = setInterval(look, sampledEveryMs)
  try {
    const arrived = await stream()
    if (arrived !== bytes) throw new Error(`${name}: ${arrived} of ${bytes} bytes arrived`)
  } finally {
    clearInterval(timer)
  }
  look()
  return most
}
