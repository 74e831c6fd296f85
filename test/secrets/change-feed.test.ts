import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import t from 'tap'
import type { Change } from '../../src/secrets/change-feed.ts'
import { ChangeFeed } from '../../src/secrets/change-feed.ts'
import { ProviderError } from '../../src/secrets/provider.ts'
import type { World } from '../api/support/world.ts'
import { createWorld, pause } from '../api/support/world.ts'
import { VirtualClock } from '../support/virtual-clock.ts'

setFlagsFromString('--expose-gc')
const collectGarbage: () => void = runInNewContext('gc')

const down = new ProviderError('unavailable', 'refused', 'memory refused')

function record(world: World): Change[] {
  const changes: Change[] = []
  world.feed.subscribe((change) => changes.push(change))
  return changes
}

async function refreshNow(world: World): Promise<void> {
  await pause(world)
  await world.refresher.refresh('db-password')
}

const inWords = ({ event, name, version }: Change): string => `${event} ${name} ${version ?? '-'}`

t.test(
  'a secret’s life is told: rotated, stale, recovered, expired, gone; the first load is no event',
  async (t) => {
    const world = await createWorld(t, { loaded: false, rules: { 'db-password': { maxStaleMs: 3_600_000 } } })
    const changes = record(world)
    const version = (): string => world.cache.status('db-password')?.version ?? '?'
    world.refresher.start()
    await world.clock.advance(0)
    t.strictSame(changes, [])
    const first = version()

    world.provider.values.set('db-password', 'CANARY-db-password-2')
    await refreshNow(world)
    const second = version()
    t.not(first, second)
    world.provider.failure = down
    await world.clock.advance(7_200_000)
    world.provider.failure = undefined
    await refreshNow(world)
    world.provider.values.delete('db-password')
    await refreshNow(world)
    world.provider.values.set('db-password', 'CANARY-db-password-2')
    await refreshNow(world)
    t.strictSame(changes.map(inWords), [
      `rotated db-password ${second}`,
      `stale db-password ${second}`,
      `expired db-password ${second}`,
      `recovered db-password ${second}`,
      'gone db-password -',
      `recovered db-password ${second}`,
    ])
    t.ok(changes.every(({ time }, at) => time >= (changes[at - 1]?.time ?? 0)))
    t.equal(new Set(changes.map(({ id }) => id)).size, changes.length)
    t.notMatch(JSON.stringify(changes), 'CANARY-')
  },
)

t.test('a watcher is called for its name alone, until it ends its watch', async (t) => {
  const feed = new ChangeFeed({ clock: new VirtualClock(), history: 10, versionOf: () => undefined })
  let [mine, twice] = [0, 0]
  const unwatch = feed.watch('a', () => {
    mine += 1
  })
  const count = (): void => {
    twice += 1
  }
  const ends = [feed.watch('a', count), feed.watch('a', count)]
  feed.loaded({ secret: 'a' })
  feed.rotated({ secret: 'b', version: '2' })
  feed.stateChanged({ secret: 'a', from: 'not-loaded', to: 'missing' })
  t.strictSame([mine, twice], [2, 4])
  unwatch()
  unwatch()
  ends[0]?.()
  feed.rotated({ secret: 'a', version: '2' })
  t.strictSame([mine, twice], [2, 5], 'the same function may watch twice, and end one of the two')
})

t.test('thousands of watchers of one name come and go quickly', async (t) => {
  const feed = new ChangeFeed({ clock: new VirtualClock(), history: 0, versionOf: () => undefined })
  let calls = 0
  const started = performance.now()
  const ends = Array.from({ length: 50_000 }, () =>
    feed.watch('a', () => {
      calls += 1
    }),
  )
  feed.rotated({ secret: 'a', version: '2' })
  for (const end of ends) end()
  feed.rotated({ secret: 'a', version: '3' })
  t.equal(calls, 50_000)
  t.ok(performance.now() - started < 2_000)
})

t.test('what was missed is told from the history, and where it cannot be, why', async (t) => {
  const feed = new ChangeFeed({ clock: new VirtualClock(), history: 3, versionOf: () => '1' })
  const start = feed.lastId
  const names = (id: string): unknown => {
    const missed = feed.since(id)
    return 'gap' in missed ? missed.gap : missed.changes.map(({ version }) => version)
  }
  t.strictSame(names(start), [])
  const ids: string[] = []
  for (let version = 1; version <= 300; version += 1) {
    feed.rotated({ secret: 'a', version: String(version) })
    ids.push(feed.lastId)
  }
  t.strictSame(names(feed.lastId), [])
  t.strictSame(names(ids[298] ?? ''), ['300'])
  t.strictSame(names(ids[296] ?? ''), ['298', '299', '300'])
  t.equal(names(ids[295] ?? ''), 'too-old')
  t.equal(names(start), 'too-old')
  const [epoch = ''] = start.split('-')
  const other = new ChangeFeed({ clock: new VirtualClock(), history: 3, versionOf: () => '1' })
  for (const id of [
    '',
    'nonsense',
    '1',
    `${epoch}-`,
    `${epoch}-301`,
    `${epoch}-0299`,
    `${epoch}--1`,
    other.lastId,
  ]) {
    t.equal(names(id), 'unknown', id)
  }
  feed.keep(1)
  t.equal(names(ids[297] ?? ''), 'too-old')
  t.strictSame(names(ids[298] ?? ''), ['300'])
  feed.keep(10)
  feed.rotated({ secret: 'a', version: '301' })
  t.strictSame(names(ids[298] ?? ''), ['300', '301'])
})

t.test('without a history nothing can be missed but what has not happened', async (t) => {
  const feed = new ChangeFeed({ clock: new VirtualClock(), history: 0, versionOf: () => '1' })
  const before = feed.lastId
  t.strictSame(feed.since(before), { changes: [] })
  feed.rotated({ secret: 'a', version: '2' })
  t.strictSame(feed.since(before), { gap: 'too-old' })
})

t.test('what is beyond the history is kept by nobody', async (t) => {
  const feed = new ChangeFeed({ clock: new VirtualClock(), history: 10, versionOf: () => '1' })
  const heapUsed = (): number => {
    collectGarbage()
    return process.memoryUsage().heapUsed
  }
  const before = heapUsed()
  for (let version = 0; version < 200_000; version += 1) feed.rotated({ secret: 'a', version: `${version}` })
  const grown = heapUsed() - before
  // All of them would be some 20 MiB.
  t.ok(grown < 4 * 1024 * 1024, `${(grown / 1024 / 1024).toFixed(1)} MiB more`)
  t.match(feed.since(feed.lastId), { changes: [] })
})

t.test(
  'who watches all is told of first loads, rotations and states, by name, until they end it',
  async (t) => {
    const told: string[] = []
    const feed = new ChangeFeed({ clock: { wall: () => 0 }, history: 1, versionOf: () => undefined })
    const end = feed.watchAll((name) => told.push(name))
    feed.loaded({ secret: 'a' })
    feed.rotated({ secret: 'b', version: '2' })
    feed.stateChanged({ secret: 'c', from: 'fresh', to: 'missing' })
    end()
    feed.loaded({ secret: 'd' })
    t.strictSame(told, ['a', 'b', 'c'])
  },
)
