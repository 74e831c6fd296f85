/** What the containers live through: the least limit of memory that holds each under load. */
import { constants } from 'node:os'
import { table } from '../support/statistics.ts'
import { type End, patience } from './container.ts'
import type { Image, Images } from './images.ts'
import { type Pages, place } from './pages.ts'
import { type Asked, load, rate, type Scene } from './scene.ts'

/** MiB, from the least. */
export const ladder = [40, 48, 56, 64, 80, 96, 128, 192, 256]
/** The same where pages of files count as well. */
export const ladderFromDisk = [64, 80, 96, 112, 128, 160, 192, 256]

/** What became of a container. */
export type Outcome =
  | { readonly kind: 'lived'; readonly asked: Asked }
  /** `after`: seconds of load until it had ended; undefined: it was not ready yet. `end` undefined: it still ran. */
  | { readonly kind: 'ended'; readonly end: End | undefined; readonly after: number | undefined }

export interface LimitsOptions {
  /** MiB. */
  readonly limits: readonly number[]
  readonly pages: Pages
  /** How often each has to live through it. */
  readonly tries: number
  /** Seconds of load. */
  readonly loaded: number
  /** Whether an image that has lived is held to larger limits as well. */
  readonly all: boolean
}

export async function benchLimits(
  scene: Scene,
  { own, standIn }: Images,
  { limits, pages, tries, loaded, all }: LimitsOptions,
): Promise<string> {
  const rows: string[][] = []
  const done = new Set<Image>()
  for (const limit of limits) {
    const cells: string[] = []
    for (const image of [own, standIn]) {
      if (done.has(image)) {
        cells.push('')
        continue
      }
      const outcomes: Outcome[] = []
      // One that did not live decides it.
      while (outcomes.length < tries && outcomes.every(({ kind }) => kind === 'lived')) {
        outcomes.push(await attempt(scene, image, { limit, pages, loaded }))
      }
      if (!all && outcomes.every(({ kind }) => kind === 'lived')) done.add(image)
      cells.push(cellOf(outcomes, loaded))
    }
    rows.push([`${limit} MiB`, ...cells])
    if (done.size === 2) break
  }
  const under = `files ${pages}; ${rate.toLocaleString('en')} requests/s for ${durationOf(loaded)} under a limit of`
  return table([under, own.name, standIn.name], rows)
}

interface Attempt {
  readonly limit: number
  readonly pages: Pages
  readonly loaded: number
}

async function attempt(scene: Scene, image: Image, { limit, pages, loaded }: Attempt): Promise<Outcome> {
  await place(image, pages)
  const sidecar = await scene.sidecar(image, { memory: limit })
  const { container } = sidecar
  try {
    if (sidecar.moment === undefined) return { kind: 'ended', end: await container.end(), after: undefined }
    const began = performance.now()
    const asked = await load(sidecar, loaded)
    const after = (performance.now() - began) / 1000
    const end = await container.end()
    if (asked === undefined || end !== undefined) return { kind: 'ended', end, after }
    return { kind: 'lived', asked }
  } finally {
    await container.remove()
  }
}

/** Where one did not live, that decides; else the worst of what the callers saw. */
export function cellOf(outcomes: readonly Outcome[], seconds: number): string {
  const last = outcomes.at(-1)
  if (last === undefined) return ''
  const lived = outcomes.filter((outcome) => outcome.kind === 'lived').map(({ asked }) => asked)
  if (last.kind === 'ended') {
    const before = lived.length === 0 ? '' : `, having lived through it ${lived.length} ×`
    return `${ending(last)}${before}`
  }
  const worst = (of: (asked: Asked) => number): number => Math.max(...lived.map(of))
  const failed = worst(({ failed }) => failed)
  const answered = Math.min(...lived.map((asked) => asked.answered)) / seconds
  return [
    `**lives**, ${lived.length} of ${lived.length}`,
    `${answered.toFixed(0)} answers/s`,
    `p99 ${worst(({ p99 }) => p99).toFixed(0)} ms`,
    ...(failed > 0 ? [`${failed} requests failed`] : []),
  ].join(', ')
}

function ending({ end, after }: Outcome & { kind: 'ended' }): string {
  if (end === undefined) return after === undefined ? `not ready within ${patience} s` : 'did not answer'
  const when = after === undefined ? 'before it was ready' : `after ${after.toFixed(0)} s of load`
  return `${howEnded(end.exitCode)} ${when}`
}

function howEnded(exitCode: number): string {
  const [signal] = Object.entries(constants.signals).find(([, number]) => number === exitCode - 128) ?? []
  if (signal === undefined) return `ended by itself (exit code ${exitCode})`
  // Nobody else sends that while a container is tried. What podman says of it (OOMKilled) is wrong under some versions.
  if (signal === 'SIGKILL') return 'killed by the kernel'
  // V8 aborts. The first process of a container cannot be ended by a SIGABRT of its own, so that abort() faults there.
  if (signal === 'SIGABRT' || signal === 'SIGSEGV') return 'aborted, as V8 does when its heap is full,'
  return `ended by itself (${signal})`
}

function durationOf(seconds: number): string {
  return seconds % 60 === 0 ? `${seconds / 60} min` : `${seconds} s`
}
