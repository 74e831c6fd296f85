/** What the containers are charged with, at rest and under load. */
import { setTimeout as sleep } from 'node:timers/promises'
import { table } from '../support/statistics.ts'
import type { GroupMemory } from './control-group.ts'
import type { Image, Images } from './images.ts'
import { place } from './pages.ts'
import { inMebibytes, pairRatio } from './report.ts'
import { byTurns, figuresOf } from './rounds.ts'
import { load, type Ready, rate, type Scene, secrets } from './scene.ts'

export interface MemoryOptions {
  readonly rounds: number
  /** Seconds. */
  readonly loaded: number
}

/** Seconds from ready until memory at rest is read: one refresh has passed. */
const settled = 6
/** Milliseconds between two looks under load. */
const pause = 250

interface Round {
  readonly idle: GroupMemory
  /** The most that was seen of each. */
  readonly loaded: GroupMemory
  readonly failed: number
}

export async function benchMemory(
  scene: Scene,
  images: Images,
  { rounds, loaded }: MemoryOptions,
): Promise<string> {
  const results = await byTurns(images, rounds, (image) => measure(scene, image, loaded))
  const { own, standIn } = images
  const row = (words: string, figure: (round: Round) => number): readonly string[] => {
    const [ours, theirs] = [figuresOf(results, own, figure), figuresOf(results, standIn, figure)]
    return [words, inMebibytes(ours), inMebibytes(theirs), pairRatio(ours, theirs)]
  }
  const failed = [own, standIn].map((image) =>
    figuresOf(results, image, (round) => round.failed)
      .reduce((sum, count) => sum + count, 0)
      .toLocaleString('en'),
  )
  const under = `${rate.toLocaleString('en')} requests/s for ${loaded} s`
  return table(
    [`${secrets.toLocaleString('en')} secrets of 1 KiB`, own.name, standIn.name, 'ratio'],
    [
      row('at rest: anonymous', ({ idle }) => idle.anonymous),
      row('at rest: working set', ({ idle }) => idle.workingSet),
      row(`${under}: anonymous, at the most`, (round) => round.loaded.anonymous),
      row(`${under}: working set, at the most`, (round) => round.loaded.workingSet),
      row('the most that was charged, start included', (round) => round.loaded.peak),
      ['requests that failed', ...failed, ''],
    ],
  )
}

async function measure(scene: Scene, image: Image, seconds: number): Promise<Round> {
  await place(image, 'on disk')
  const sidecar = await scene.sidecar(image, {})
  try {
    if (sidecar.moment === undefined) throw new Error(`${image.name} ended before it was ready`)
    await sleep(settled * 1000)
    const idle = sidecar.container.group.memory()
    const { loaded, failed } = await underLoad(sidecar, seconds)
    return { idle, loaded, failed }
  } finally {
    await sidecar.container.remove()
  }
}

async function underLoad(sidecar: Ready, seconds: number): Promise<Omit<Round, 'idle'>> {
  let [anonymous, workingSet] = [0, 0]
  const { group } = sidecar.container
  const look = setInterval(() => {
    const now = group.memory()
    anonymous = Math.max(anonymous, now.anonymous)
    workingSet = Math.max(workingSet, now.workingSet)
  }, pause)
  try {
    const asked = await load(sidecar, seconds)
    if (asked === undefined) throw new Error('the container ended under load')
    return { loaded: { anonymous, workingSet, peak: group.memory().peak }, failed: asked.failed }
  } finally {
    clearInterval(look)
  }
}
