/** Connections that have been answered once and wait for their next request: what each costs. */
import { execFileSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { setTimeout as pause } from 'node:timers/promises'
import { memoryOf } from '../support/memory.ts'
import { mebibytes, table } from '../support/statistics.ts'
import { Crowd } from '../waiters/crowd.ts'
import { listed, type Part } from './part.ts'
import { paths } from './paths.ts'
import { find } from './programs.ts'
import type { Scene } from './scene.ts'
import { type Subject, startAll } from './subject.ts'
import { fastify, haproxy, limited, nginx } from './subjects.ts'
import { warmUp } from './warm-up.ts'

/** Open files that a process needs beside the connections of its clients. */
const spareFiles = 1_000
/** Until buffers of the last answers are given back, in milliseconds. */
const settleMs = 2_000

export async function benchIdle(scene: Scene, quick: boolean): Promise<Part> {
  const wanted = quick ? 1_000 : 10_000
  const count = Math.min(wanted, openFiles(wanted + spareFiles) - spareFiles)
  const { subjects, leftOut } = await startAll([limited, nginx, haproxy, fastify].map((kind) => kind(scene)))
  try {
    const rows: string[][] = []
    for (const subject of subjects) rows.push(await row(subject, count))
    const head = [
      `${count.toLocaleString('en')} idle connections`,
      'RSS before',
      'RSS with them',
      'for each connection',
    ]
    const note =
      count < wanted ? `No more than ${count} connections: \`ulimit -n\` allows no more files.` : undefined
    return { text: listed(table(head, rows), note, ...leftOut), aims: [] }
  } finally {
    await Promise.all(subjects.map((subject) => subject.stop()))
  }
}

async function row({ name, url, pid = 0 }: Subject, count: number): Promise<string[]> {
  await warmUp(url, paths.small)
  const before = memoryOf(pid).rss
  const crowd = new Crowd(url)
  try {
    await crowd.gather(count, paths.small)
    await pause(settleMs)
    const after = memoryOf(pid).rss
    if (crowd.size < count) throw new Error(`${name}: only ${crowd.size} connections stayed open`)
    return [name, mebibytes(before), mebibytes(after), `${((after - before) / count).toFixed(1)} KiB`]
  } finally {
    crowd.disperse()
  }
}

/**
 * How many files this process, and what it starts from here on, may have open, after trying to have so many; Node has
 * raised its own limit to the hard one already.
 */
function openFiles(wanted: number): number {
  const prlimit = find('prlimit')
  if (prlimit !== undefined && allowedFiles() < wanted) {
    try {
      execFileSync(prlimit, ['--pid', String(process.pid), `--nofile=${wanted}:${wanted}`], {
        stdio: 'ignore',
      })
    } catch {
      // Only root may; then there are fewer.
    }
  }
  return allowedFiles()
}

function allowedFiles(): number {
  try {
    return Number(
      /^Max open files\s+(\d+)/m.exec(readFileSync('/proc/self/limits', 'utf8'))?.[1] ?? Number.NaN,
    )
  } catch {
    return Number.MAX_SAFE_INTEGER
  }
}
