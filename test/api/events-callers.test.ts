import t from 'tap'
import { withoutCallers } from '../../src/access/anyone.ts'
import { Caller } from '../../src/access/caller.ts'
import { anyOf } from '../../src/secrets/glob.ts'
import { settle } from '../support/virtual-clock.ts'
import { request } from './support/client.ts'
import { openEvents } from './support/event-client.ts'
import { as, heldBack, KnownCallers } from './support/known-callers.ts'
import type { World } from './support/world.ts'
import { createWorld, pause } from './support/world.ts'

const values = {
  'web/key': 'CANARY-web-key-1',
  'web/cookie': 'CANARY-web-cookie-1',
  'worker/key': 'CANARY-worker-key-1',
}

async function rotate(world: World, ...names: string[]): Promise<void> {
  for (const name of names) {
    await pause(world)
    world.provider.values.set(name, `CANARY-${name}-${world.clock.now()}`)
    await world.refresher.refresh(name)
  }
}

const callers = () =>
  new KnownCallers({ web: { allow: ['web/*'] }, worker: { allow: ['worker/*'] }, all: {} })

t.test('a stream tells only of what its caller may know of, now and of the past', async (t) => {
  const access = callers()
  const world = await createWorld(t, { values, deps: { access } })
  const [web, worker, all] = await Promise.all(
    ['web', 'worker', 'all'].map((name) => openEvents(t, world, '', as(name))),
  )
  await web?.hears('\n\nid: ')
  const seen = { 'Last-Event-ID': web?.lastEventId ?? '' }
  await rotate(world, 'web/key', 'worker/key', 'web/cookie')
  await all?.has(3)
  await web?.has(2)
  await worker?.has(1)
  t.strictSame(web?.story, ['rotated web/key', 'rotated web/cookie'])
  t.strictSame(worker?.story, ['rotated worker/key'])
  t.notMatch(web?.text, 'worker')
  const back = await openEvents(t, world, '', { ...as('web'), ...seen })
  await back.has(2)
  t.strictSame(back.story, ['rotated web/key', 'rotated web/cookie'])
  t.notMatch(back.text, 'worker')
  const narrow = await openEvents(t, world, '?name=*key', { ...as('web'), ...seen })
  await narrow.has(1)
  await rotate(world, 'worker/key', 'web/key')
  await narrow.has(2)
  t.strictSame(narrow.story, ['rotated web/key', 'rotated web/key'], 'what it wants of what it may know')
})

t.test('ids say nothing of what happens to the secrets of others', async (t) => {
  const world = await createWorld(t, { values, deps: { access: callers() } })
  const positions: string[] = []
  const look = async (): Promise<void> => {
    const client = await openEvents(t, world, '', as('web'))
    await client.hears('\n\nid: ')
    positions.push(client.lastEventId)
  }
  await look()
  await look()
  await rotate(world, ...Array.from({ length: 12 }, () => 'worker/key'))
  await look()
  t.equal(new Set(positions).size, 3, 'they differ where nothing happened, as where something did')
  t.equal(new Set(positions.map((id) => id.length)).size, 1, 'in nothing that counts')
  const [epoch = ''] = world.feed.lastId.split('-')
  const client = await openEvents(t, world, '', as('web'))
  await world.clock.advance(15_000)
  await client.hears(': alive')
  await rotate(world, 'web/key')
  await client.has(1)
  t.notMatch(client.text, epoch)
  t.equal(client.messages[0]?.data.id, client.messages[0]?.id)
  const resumed = await openEvents(t, world, '', { ...as('web'), 'Last-Event-ID': positions[0] ?? '' })
  await resumed.has(1)
  t.strictSame(resumed.story, ['rotated web/key'], 'and yet they tell where to go on')
})

t.test('the position of a heartbeat is one to come back to', async (t) => {
  const world = await createWorld(t, { values, deps: { access: callers() } })
  const client = await openEvents(t, world, '', as('web'))
  await rotate(world, 'worker/key')
  await world.clock.advance(15_000)
  await client.hears(': alive')
  const headers = { ...as('web'), 'Last-Event-ID': client.lastEventId }
  await rotate(world, 'web/key')
  const back = await openEvents(t, world, '', headers)
  await back.has(1)
  t.strictSame(back.story, ['rotated web/key'])
})

t.test('an id that was not made for such a caller tells it nothing but to begin anew', async (t) => {
  const world = await createWorld(t, { values, deps: { access: callers() } })
  await rotate(world, 'worker/key', 'worker/key')
  const [epoch = ''] = world.feed.lastId.split('-')
  // The one that is, one that will be, and what is none.
  const forged = Buffer.alloc(60, 'x').toString('base64url')
  for (const id of [`${epoch}-1`, `${epoch}-9`, `${epoch}-2`, 'x', forged]) {
    const client = await openEvents(t, world, '', { ...as('web'), 'Last-Event-ID': id })
    await client.has(1)
    t.strictSame(client.story, ['reset unknown'], id)
    t.notMatch(client.text, epoch)
  }
})

t.test('a history that is too short is said without saying of what', async (t) => {
  const world = await createWorld(t, { values, deps: { access: callers() }, eventHistory: 2 })
  const first = await openEvents(t, world, '', as('web'))
  await first.hears('\n\nid: ')
  await rotate(world, 'worker/key', 'worker/key', 'worker/key')
  const headers = { ...as('web'), 'Last-Event-ID': first.lastEventId }
  const client = await openEvents(t, world, '', headers)
  await client.has(1)
  t.strictSame(client.story, ['reset too-old'])
  t.notMatch(client.text, 'worker')
})

t.test('a caller whose list was widened goes on from where it was', async (t) => {
  const access = callers()
  const world = await createWorld(t, { values, deps: { access } })
  const before = await openEvents(t, world, '', as('web'))
  await before.hears('\n\nid: ')
  access.let('web', {})
  await before.closed
  await rotate(world, 'worker/key')
  const after = await openEvents(t, world, '', { ...as('web'), 'Last-Event-ID': before.lastEventId })
  await after.has(1)
  t.strictSame(after.story, ['rotated worker/key'])
})

t.test('when a caller is over its streams end in order, those of others go on', async (t) => {
  const access = callers()
  const world = await createWorld(t, { values, deps: { access } })
  const mine = await Promise.all([1, 2, 3].map(() => openEvents(t, world, '', as('web'))))
  const other = await openEvents(t, world, '', as('all'))
  await rotate(world, 'web/key')
  for (const client of mine) await client.has(1)
  access.void('web')
  // In the same turn, while the connections are still open.
  world.feed.rotated({ secret: 'web/cookie', version: '2' })
  for (const client of mine) {
    await client.closed
    t.ok(client.response.complete, 'to its end, not cut off')
    t.strictSame(client.story, ['rotated web/key'], 'and nothing was told after that')
  }
  while (world.metrics.changes.streams > 1) await settle()
  await other.has(2)
  t.strictSame(other.story, ['rotated web/key', 'rotated web/cookie'])
  const { status, json } = await heldBack(
    world,
    request(world.port, 'GET', '/v1/events', { headers: as('web') }),
  )
  t.equal(status, 401)
  t.equal(json().code, 'SIDEKEEP_TOKEN_INVALID')
  t.strictSame(world.errors, [])
})

t.test('a listener without callers may have a list as well', async (t) => {
  const anyone = new Caller({
    name: undefined,
    listener: 'unix:/run/worker.sock',
    rights: ['watch'],
    allows: anyOf(['worker/*']),
    limit: undefined,
  })
  const access = { ...withoutCallers('unix:/run/worker.sock', () => true), wants: 'header', anyone } as const
  const world = await createWorld(t, { values, deps: { access } })
  const client = await openEvents(t, world)
  await rotate(world, 'web/key', 'worker/key')
  await client.has(1)
  t.strictSame(client.story, ['rotated worker/key'])
  t.equal((await world.get('/v1/secrets/worker/key')).status, 403)
  anyone.end()
  await client.closed
  t.ok(client.response.complete)
})
