import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import type { Content } from '../../../src/files/content.ts'
import { publish, sweepLeftovers, unpublish } from '../../../src/files/writer/publish.ts'
import fc from '../../support/property.ts'
import { Ended, SteppedDisk } from '../../support/writer-disk.ts'
import {
  expected,
  fileOf,
  folderOf,
  leftovers,
  type Seen,
  seen,
  seenThroughLinks,
  writerFolder,
} from '../../support/writer-look.ts'

const before = { mode: 0o400, owner: undefined, group: undefined }
const after = { mode: 0o440, owner: undefined, group: undefined }
const big = 'CANARY-'.repeat(3_000)

const histories: Record<string, { from?: Content; to: Content; isVolume?: boolean }> = {
  'a file that was not there': { to: fileOf(`new ${big}`) },
  'a file in the place of another': { from: fileOf(`old ${big}`), to: fileOf(`new ${big}`) },
  'a folder that was not there': { to: folderOf({ a: 'new a', 'db/p': 'new p' }) },
  'a folder that is a volume': { to: folderOf({ a: 'new a', b: 'new b' }), isVolume: true },
  'a folder with names added and removed': {
    from: folderOf({ a: 'old a', b: 'old b', 'db/p': 'old p', 'gone/q': 'old q' }),
    to: folderOf({ a: 'new a', c: 'new c', 'db/p': 'new p', 'db/r': 'new r' }),
  },
}

/** Runs something on a disk that ends it after so many steps; true once it was done before. */
async function isDoneWithin(steps: number, run: (ends: SteppedDisk) => Promise<unknown>): Promise<boolean> {
  await using ends = new SteppedDisk({ endAfter: steps })
  try {
    await run(ends)
  } catch (error) {
    if (!(error instanceof Ended) && !(error instanceof Error && error.name === 'SuppressedError'))
      throw error
  }
  return !ends.hasEnded
}

for (const [title, { from, to, isVolume }] of Object.entries(histories)) {
  t.test(
    `${title} is old or new, whole, wherever the run ends, and the next run is not hindered`,
    async (t) => {
      const { kind } = to
      const old = from === undefined ? undefined : expected(from, before.mode)
      const fresh = expected(to, after.mode)
      const outcomes = new Set<string>()
      for (let steps = 0, isDone = false; !isDone; steps += 1) {
        const folder = writerFolder(t)
        const path = join(folder, 'secrets')
        if (isVolume) mkdirSync(path)
        const one = new SteppedDisk().disk
        if (from !== undefined) await publish(path, from, before, one)

        isDone = await isDoneWithin(steps, ({ disk }) => publish(path, to, after, disk))

        const found = seen(path, kind)
        const isOld = JSON.stringify(found) === JSON.stringify(old)
        if (!isOld) t.strictSame(found, fresh, `after ${steps} steps`)
        outcomes.add(isOld ? 'old' : 'new')
        if (kind === 'folder' && found !== undefined) throughLinks(t, path, found, old, fresh, steps)

        if (steps % 2 === 0) await sweepLeftovers(path, kind)
        if (steps % 2 === 0 && isOld)
          t.strictSame(seen(path, kind), old, 'sweeping touches nothing that is published')
        await publish(path, to, after, one)
        t.strictSame(seen(path, kind), fresh, `the run after ${steps} steps`)
        if (kind === 'folder') t.strictSame(seenThroughLinks(path), fresh)
        t.strictSame(leftovers(folder, path, kind), [], `nothing is left of ${steps} steps`)
      }
      t.strictSame([...outcomes], ['old', 'new'])
    },
  )
}

/** What is linked to shows the current set; names that both sets have are linked to at every moment. */
function throughLinks(t: Tap, path: string, found: Seen, old: Seen, fresh: Seen, steps: number): void {
  const linked = seenThroughLinks(path)
  for (const [name, content] of Object.entries(linked)) {
    if (content !== found?.[name]) t.fail(`${name} is not that of the set after ${steps} steps`)
  }
  for (const name of Object.keys(old ?? {})) {
    if (name in (fresh ?? {}) && !(name in linked)) t.fail(`${name} is missing after ${steps} steps`)
  }
}

type Tap = Pick<typeof t, 'fail'>

t.test('a folder that is removed vanishes at once, wherever the run ends', async (t) => {
  const content = folderOf({ a: 'CANARY a', 'db/p': 'CANARY p' })
  for (let steps = 0, isDone = false; !isDone; steps += 1) {
    const folder = writerFolder(t)
    const path = join(folder, 'secrets')
    await publish(path, content, after)
    isDone = await isDoneWithin(steps, ({ disk }) => unpublish(path, 'folder', disk))
    const linked = seenThroughLinks(path)
    if (Object.keys(linked).length > 0) t.strictSame(linked, expected(content, after.mode))
    await unpublish(path, 'folder')
    t.strictSame([seenThroughLinks(path), leftovers(folder, path, 'folder')], [{}, []])
  }
})

t.test('a folder that a killed run was about to make is not left beside its place', async (t) => {
  for (let steps = 0, isDone = false; !isDone; steps += 1) {
    const folder = writerFolder(t)
    const path = join(folder, 'secrets')
    isDone = await isDoneWithin(steps, ({ disk }) => publish(path, folderOf({ a: 'CANARY a' }), after, disk))
    await unpublish(path, 'folder')
    t.strictSame(leftovers(folder, path, 'folder'), [], `after ${steps} steps`)
  }
})

t.test('whatever is published in whatever order, and wherever runs end', async (t) => {
  const name = fc.constantFrom('a', 'b', 'c', 'db/p', 'db/q', 'db/deep/r')
  const text = fc.string({ maxLength: 20 }).map((end) => `CANARY${end}`)
  const folder = fc.dictionary(name, text, { maxKeys: 5 }).map(folderOf)
  const file = text.map(fileOf)
  const step = (content: fc.Arbitrary<Content>) =>
    fc.record({
      content: fc.option(content, { nil: undefined, freq: 5 }),
      mode: fc.constantFrom(0o400, 0o440, 0o644),
      endAfter: fc.option(fc.nat({ max: 60 }), { nil: 1_000 }),
    })
  const history = fc.oneof(
    fc.array(step(folder), { minLength: 1, maxLength: 6 }),
    fc.array(step(file), { minLength: 1, maxLength: 6 }),
  )
  let run = 0
  const base = writerFolder(t)
  await fc.assert(
    fc.asyncProperty(history, async (steps) => {
      const kind = steps.find(({ content }) => content !== undefined)?.content?.kind ?? 'file'
      const around = join(base, String(run++))
      mkdirSync(around)
      const path = join(around, 'secrets')
      let there: Seen
      for (const { content, mode, endAfter } of steps) {
        const ownership = { ...after, mode }
        const isDone = await isDoneWithin(endAfter, ({ disk }) =>
          content === undefined ? unpublish(path, kind, disk) : publish(path, content, ownership, disk),
        )
        const next = content === undefined ? undefined : expected(content, mode)
        const found = seen(path, kind)
        const isNext = JSON.stringify(found) === JSON.stringify(next)
        if (!isNext && (isDone || JSON.stringify(found) !== JSON.stringify(there))) {
          throw new Error(`found ${JSON.stringify(found)}, not ${JSON.stringify(next)}`)
        }
        if (isDone && leftovers(around, path, kind).length > 0) throw new Error('something is left over')
        there = found
      }
    }),
    { numRuns: 60 },
  )
})
