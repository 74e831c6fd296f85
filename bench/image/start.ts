/** How long the containers take to be ready, and how much of that is podman's and the runtime's. */
import { table } from '../support/statistics.ts'
import type { Moment } from './container.ts'
import type { Image, Images } from './images.ts'
import { inMilliseconds, inSeconds } from './report.ts'
import { byTurns } from './rounds.ts'
import { type Held, type Limits, type Scene, secrets } from './scene.ts'

/** Limits of processor time, and what the head of their table says. */
const cases: readonly { readonly words: string; readonly limits: Limits }[] = [
  { words: 'with half a core, until', limits: { cpus: 0.5 } },
  { words: 'with no limit of processor time, until', limits: {} },
]

const count = secrets.toLocaleString('en')

/** Prints a line and stays: the processor time of what has ended can no longer be asked. */
const shell = ['sh', '-c', 'echo hello && exec sleep 60']

export async function benchStart(scene: Scene, images: Images, rounds: number): Promise<string> {
  const tables: string[] = []
  for (const { words, limits } of cases) {
    const rows = await measure(scene, images, limits, rounds)
    const head = [
      words,
      'since `podman start`',
      'since its process was made',
      'processor time of the container',
    ]
    tables.push(table(head, rows))
  }
  return tables.join('\n\n')
}

/** What one image gave in one round. */
interface Round {
  /** Of the stand-in alone: the other image has no shell. */
  readonly shell: Moment | undefined
  readonly greeting: Moment
  /** With one secret, and with all. */
  readonly one: Moment
  readonly all: Moment
}

async function measure(scene: Scene, images: Images, limits: Limits, rounds: number): Promise<string[][]> {
  const { own, standIn } = images
  // The first of each finds nothing of the image in memory.
  for (const image of [own, standIn]) await untilReady(scene, image, limits, 'all')
  const results = await byTurns(images, rounds, async (image): Promise<Round> => {
    return {
      shell: image === standIn ? await scene.command(image, shell, limits) : undefined,
      greeting: await scene.command(image, image.greeting.command, limits),
      one: await untilReady(scene, image, limits, 'one'),
      all: await untilReady(scene, image, limits, 'all'),
    }
  })
  const row = (words: string, image: Image, of: (round: Round) => Moment | undefined): string[] => {
    const moments = (results.get(image) ?? []).flatMap((round) => of(round) ?? [])
    return [
      words,
      inMilliseconds(moments.map(({ sinceStart }) => sinceStart)),
      inMilliseconds(moments.flatMap(({ sinceProcess }) => sinceProcess ?? [])),
      inSeconds(moments.flatMap(({ cpu }) => cpu ?? [])),
    ]
  }
  const greeted = ({ name, greeting }: Image): string => `${name}: a line is printed, by ${greeting.words}`
  return [
    row('a line is printed by a shell: podman and runc alone', standIn, (round) => round.shell),
    row(greeted(own), own, ({ greeting }) => greeting),
    row(greeted(standIn), standIn, ({ greeting }) => greeting),
    row(`${own.name} is ready with one secret`, own, ({ one }) => one),
    row(`${standIn.name} is ready with one secret`, standIn, ({ one }) => one),
    row(`${own.name} is ready with ${count} secrets`, own, ({ all }) => all),
    row(`${standIn.name} is ready with ${count} secrets`, standIn, ({ all }) => all),
  ]
}

async function untilReady(scene: Scene, image: Image, limits: Limits, held: Held): Promise<Moment> {
  const { container, moment } = await scene.sidecar(image, limits, held)
  await container.remove()
  if (moment === undefined) throw new Error(`${image.name} ended before it was ready`)
  return moment
}
