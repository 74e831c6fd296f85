import t from 'tap'
import { openEvents } from './support/event-client.ts'
import type { World } from './support/world.ts'
import { createWorld, pause } from './support/world.ts'

const values = { a: 'CANARY-a-1', b: 'CANARY-b-1' }
let rotations = 1

async function rotate(world: World, ...names: string[]): Promise<void> {
  for (const name of names) {
    await pause(world)
    rotations += 1
    world.provider.values.set(name, `CANARY-${name}-${rotations}`)
    await world.refresher.refresh(name)
  }
}

t.test('who comes back is told what was missed, and then what happens', async (t) => {
  const world = await createWorld(t, { values })
  const first = await openEvents(t, world)
  await rotate(world, 'a', 'b')
  await first.has(2)
  first.leave()
  await rotate(world, 'b', 'a', 'b')
  const second = await openEvents(t, world, '', { 'Last-Event-ID': first.lastEventId })
  await rotate(world, 'a')
  await second.has(4)
  t.strictSame(second.story, ['rotated b', 'rotated a', 'rotated b', 'rotated a'])
  const numbers = [...first.messages, ...second.messages].map(({ id }) => Number(id.split('-')[1]))
  t.strictSame(numbers, [1, 2, 3, 4, 5, 6], 'each once, in order')
})

t.test(
  'who has seen nothing but the greeting can come back too, and patterns hold for what was missed',
  async (t) => {
    const world = await createWorld(t, { values })
    const first = await openEvents(t, world, '?name=b')
    await first.hears('id: ')
    first.leave()
    await rotate(world, 'a', 'b')
    const second = await openEvents(t, world, '?name=b', { 'Last-Event-ID': first.lastEventId })
    await second.has(1)
    t.strictSame(second.story, ['rotated b'])
  },
)

t.test('nothing missed is nothing told', async (t) => {
  const world = await createWorld(t, { values })
  await rotate(world, 'a')
  const client = await openEvents(t, world, '', { 'Last-Event-ID': world.feed.lastId })
  await rotate(world, 'b')
  await client.has(1)
  t.strictSame(client.story, ['rotated b'])
})

t.test('where the history is too short the first event is reset, with an id to go on from', async (t) => {
  const world = await createWorld(t, { values, eventHistory: 2 })
  const before = world.feed.lastId
  await rotate(world, 'a', 'b', 'a')
  const client = await openEvents(t, world, '', { 'Last-Event-ID': before })
  await rotate(world, 'b')
  await client.has(2)
  t.strictSame(client.story, ['reset too-old', 'rotated b'])
  t.match(client.messages[0]?.data.detail, /api\.eventHistory.*Read all secrets again\./)
  const again = await openEvents(t, world, '', { 'Last-Event-ID': client.messages[0]?.id ?? '' })
  await again.has(1)
  t.strictSame(again.story, ['rotated b'])
})

t.test('an id of a former process, or none at all, is answered with reset', async (t) => {
  const former = await createWorld(t, { values })
  const world = await createWorld(t, { values })
  for (const id of [former.feed.lastId, 'nonsense', '0', `${world.feed.lastId}0`, 'x'.repeat(1_000)]) {
    const client = await openEvents(t, world, '', { 'Last-Event-ID': id })
    await client.has(1)
    t.strictSame(client.story, ['reset unknown'], id)
    t.equal(client.messages[0]?.id, world.feed.lastId)
    t.notMatch(client.text, 'nonsense')
  }
})

t.test('a long history is told as fast as it is read, and nobody is dropped for it', async (t) => {
  const world = await createWorld(t, { values, eventHistory: 50_000 })
  const before = world.feed.lastId
  for (let count = 0; count < 50_000; count += 1) world.feed.rotated({ secret: 'a', version: String(count) })
  const client = await openEvents(t, world, '', { 'Last-Event-ID': before })
  world.feed.rotated({ secret: 'b', version: 'last' })
  await client.hears('"version":"last"')
  t.equal(client.messages.length, 50_001)
  t.equal(world.metrics.changes.dropped, 0)
})
