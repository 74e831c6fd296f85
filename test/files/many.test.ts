/** Many secrets in one file: what one of them costs when something happens to it. */
import t from 'tap'
import { type Answer, fetched, KeyBackend, missing, unavailable } from '../support/heart-backend.ts'
import { minute, second } from '../support/heart-rig.ts'
import { settle } from '../support/virtual-clock.ts'
import { roomRig } from './support/room-rig.ts'

const many = 300
/** How often a secret may be read for one thing that happens to one; a look at all of them is three hundred times. */
const few = 20
const names = Array.from({ length: many }, (_, at) => `s/${at + 100}`)
const all = { path: 'all.json', format: 'map', secrets: ['s/*'] }

type Rig = Awaited<ReturnType<typeof roomRig>>

/** Counts reads of the cache from now on. */
function countReads(t: Parameters<typeof roomRig>[0], { heart }: Rig): () => number {
  const read = heart.cache.read.bind(heart.cache)
  let count = 0
  t.intercept(heart.cache, 'read', {
    value: (name: string) => {
      count += 1
      return read(name)
    },
  })
  return () => count
}

async function arriving(t: Parameters<typeof roomRig>[0], files: readonly (typeof all)[]) {
  const waiting = new Map<string, (answer: Answer) => void>()
  const rig = await roomRig(t, {
    provider: (clock) =>
      new KeyBackend(clock, (key) => new Promise<Answer>((resolve) => waiting.set(key, resolve))),
    secrets: Object.fromEntries(names.map((name) => [name, { refresh: '1h', maxStale: '2h' }])),
    files,
  })
  rig.part.start()
  rig.heart.refresher.start()
  await rig.clock.advance(5 * second)
  return {
    rig,
    /** Answers one after another, in turns of their own, and says how many that were. */
    async answer(most: number, of: (key: string) => Answer): Promise<number> {
      let answered = 0
      // Not all are asked for at once.
      for (let idle = 0; answered < most && idle < 100; idle += 1) {
        const [key, resolve] = waiting.entries().next().value ?? []
        if (key === undefined || resolve === undefined) {
          await rig.clock.advance(100)
          continue
        }
        idle = 0
        waiting.delete(key)
        resolve(of(key))
        answered += 1
        await settle()
        await rig.clock.advance(1)
      }
      return answered
    },
  }
}

t.test('arrive one by one without each being looked at each time', async (t) => {
  for (const secrets of [['s/*'], names]) {
    const { rig, answer } = await arriving(t, [{ ...all, secrets }])
    const reads = countReads(t, rig)
    t.equal(await answer(many, (key) => (key === 's/150' ? missing() : fetched(`CANARY-${key}`))), many)
    await rig.idle()
    t.ok(reads() < many * few, `${reads()} reads`)
    t.strictSame(rig.puts, ['all.json written'], 'once, when all of them are known')
    t.equal(Object.keys(rig.map('all.json') as object).length, many - 1)
    const told = rig.logged('file waits for secrets').map((line) => Number(line.more ?? 0) + 10)
    t.ok((told[0] ?? 0) > many - 10)
    t.ok(told.length > 3 && told.length < 15, 'told as it goes on')
  }
})

t.test('one that is waited for no longer keeps nobody waiting', async (t) => {
  const { rig, answer } = await arriving(t, [all])
  await answer(many - 1, (key) => fetched(`CANARY-${key}`))
  t.strictSame(rig.puts, [])
  const held = names.filter((name) => rig.heart.cache.read(name).kind === 'held')
  await rig.reload([all, { ...all, path: 'other.json' }], Object.fromEntries(held.map((name) => [name, {}])))
  // As the sidecar does once another configuration is in force.
  rig.part.called()
  await rig.idle()
  t.strictSame(rig.puts.toSorted(), ['all.json written', 'other.json written'])
})

t.test('become stale one by one, and are fresh again, without a look at all of them', async (t) => {
  let [isUp, value] = [true, 1]
  const rig = await roomRig(t, {
    provider: (clock) =>
      new KeyBackend(clock, (key) => (isUp ? fetched(`CANARY-${key}-${value}`) : unavailable())),
    secrets: Object.fromEntries(names.map((name, at) => [name, { refresh: `${60 + at}s`, maxStale: '2h' }])),
    files: [all],
  })
  await rig.start()
  await rig.advance(10 * second)
  const identity = rig.identity('all.json')
  isUp = false
  const reads = countReads(t, rig)
  await rig.advance(10 * minute)
  isUp = true
  await rig.advance(10 * minute)
  t.equal(rig.identity('all.json'), identity)
  t.ok(reads() < 2 * many * few, `${reads()} reads`)
  value = 2
  await rig.advance(10 * minute)
  t.ok(Object.values(rig.map('all.json') as object).every((held) => String(held).endsWith('-2')))
})
