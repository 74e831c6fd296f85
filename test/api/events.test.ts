import t from 'tap'
import { ProviderError } from '../../src/secrets/provider.ts'
import { canaryGuard } from '../support/canary.ts'
import { settle } from '../support/virtual-clock.ts'
import { request } from './support/client.ts'
import { openEvents } from './support/event-client.ts'
import type { World } from './support/world.ts'
import { createWorld, pause } from './support/world.ts'

const values = { 'db-password': 'CANARY-db-1', 'db-user': 'CANARY-user-1', other: 'CANARY-other-1' }

async function rotate(world: World, ...names: string[]): Promise<void> {
  for (const name of names) {
    await pause(world)
    world.provider.values.set(name, `CANARY-${name}-${world.clock.now()}-${Math.random()}`)
    await world.refresher.refresh(name)
  }
}

t.test('a stream says at once that it is there, and then what happens, never a value', async (t) => {
  const guard = canaryGuard(t)
  const world = await createWorld(t, { values, rules: { 'db-password': { maxStaleMs: 900_000 } } })
  const client = await openEvents(t, world)
  t.equal(client.status, 200)
  t.match(client.headers, {
    'content-type': 'text/event-stream',
    'cache-control': 'no-store',
    'x-content-type-options': 'nosniff',
    connection: 'close',
  })
  await client.hears('\n\n')
  t.match(client.text, /^: connected\nretry: 1000\n\nid: [0-9a-f]{12}-0\n\n$/)
  await rotate(world, 'db-password')
  await client.has(1)
  const [message] = client.messages
  t.match(message, {
    id: /^[0-9a-f]{12}-1$/,
    event: 'rotated',
    data: {
      id: message?.id,
      event: 'rotated',
      name: 'db-password',
      version: world.cache.status('db-password')?.version,
      time: '2026-01-01T00:00:01.000Z',
    },
  })
  world.provider.failure = new ProviderError('unavailable', 'refused', 'memory refused')
  await world.clock.advance(1_000_000)
  world.provider.failure = undefined
  await pause(world)
  await world.refresher.refreshAll()
  world.provider.values.delete('db-password')
  await pause(world)
  await world.refresher.refresh('db-password')
  await client.hears('event: gone')
  const story = client.story.filter((line) => line.endsWith('db-password'))
  t.strictSame(
    story,
    ['rotated', 'stale', 'expired', 'recovered', 'gone'].map((event) => `${event} db-password`),
  )
  t.equal(client.messages.at(-1)?.data.version, null)
  guard.noLeak('the stream', client.text)
})

t.test('names and patterns choose what a stream tells', async (t) => {
  const world = await createWorld(t, { values })
  const all = await openEvents(t, world)
  const some = await openEvents(t, world, '?name=db-*')
  const several = await openEvents(t, world, '?name=other&name=*-user')
  await rotate(world, 'db-password', 'db-user', 'other')
  await all.has(3)
  await some.has(2)
  await several.has(2)
  t.strictSame(all.story, ['rotated db-password', 'rotated db-user', 'rotated other'])
  t.strictSame(some.story, ['rotated db-password', 'rotated db-user'])
  t.strictSame(several.story, ['rotated db-user', 'rotated other'])
  for (const query of ['name=', 'name=a*b*', 'name=**', 'names=x', 'lastEventId=x']) {
    t.equal((await world.get(`/v1/events?${query}`)).status, 400, query)
  }
})

t.test('a stream that wants to be held against a thousand patterns is refused', async (t) => {
  const world = await createWorld(t, { values })
  const query = (count: number, name: (at: number) => string) =>
    `?${Array.from({ length: count }, (_, at) => `name=${name(at)}`).join('&')}`
  const most = await openEvents(
    t,
    world,
    query(32, (at) => `*${at}`),
  )
  t.equal(most.status, 200)
  const refused = await world.get(`/v1/events${query(33, (at) => `*${at}`)}`)
  t.match(refused.json(), { status: 400, code: 'SIDEKEEP_BAD_REQUEST', detail: /more than 32 patterns/ })
  t.equal(
    (await openEvents(t, world, `${query(500, (at) => `n${at}`)}&name=other`)).status,
    200,
    'names are free',
  )
})

t.test('every fifteen seconds a comment shows that the stream lives, and where it stands', async (t) => {
  const world = await createWorld(t, { values })
  const client = await openEvents(t, world, '?name=other')
  await rotate(world, 'db-password')
  await world.clock.advance(13_999)
  t.notMatch(client.text, ': alive')
  await world.clock.advance(1)
  await client.hears(': alive')
  t.strictSame(client.messages, [])
  t.equal(client.lastEventId, world.feed.lastId, 'a client whose pattern matches nothing keeps up too')
  await world.clock.advance(15_000)
  while (client.text.split(': alive').length < 3) await settle()
})

t.test('HEAD answers the headers alone, and the door is before it as before all', async (t) => {
  const world = await createWorld(t)
  const { status, headers, bytes } = await request(world.port, 'HEAD', '/v1/events', {
    headers: { 'X-Sidekeep-Request': 'true' },
  })
  t.equal(status, 200)
  t.equal(headers['content-type'], 'text/event-stream')
  t.equal(bytes.length, 0)
  t.equal(world.metrics.changes.streams, 0)
  t.equal((await request(world.port, 'GET', '/v1/events')).status, 401)
})

t.test('beyond api.maxEventStreams it is 503, until one leaves', async (t) => {
  const world = await createWorld(t, { config: { maxEventStreams: 2 } })
  const first = await openEvents(t, world)
  await openEvents(t, world)
  const { status, json, headers } = await world.get('/v1/events')
  t.equal(status, 503)
  t.equal(json().code, 'SIDEKEEP_TOO_MANY_EVENT_STREAMS')
  t.equal(headers['retry-after'], '1')
  t.match((await world.get('/metrics')).text, 'sidekeep_event_streams 2\n')
  first.leave()
  while (world.metrics.changes.streams > 1) await settle()
  t.equal((await openEvents(t, world)).status, 200)
})

t.test('when the last stream has gone, nothing is left of them', async (t) => {
  const world = await createWorld(t)
  const timers = world.clock.pending
  const clients = [await openEvents(t, world), await openEvents(t, world)]
  t.equal(world.clock.pending, timers + 1, 'one heart for all')
  for (const client of clients) client.leave()
  while (world.metrics.changes.streams > 0) await settle()
  t.equal(world.clock.pending, timers)
  await rotate(world, 'db-password')
  const later = await openEvents(t, world)
  await rotate(world, 'db-password')
  await later.has(1)
})

t.test('a stop ends streams in order and promptly', async (t) => {
  const world = await createWorld(t)
  const clients = await Promise.all(Array.from({ length: 20 }, () => openEvents(t, world)))
  const started = performance.now()
  const closed = world.api.close()
  for (const client of clients) {
    await client.closed
    t.ok(client.response.complete, 'to its end, not cut off')
  }
  await closed
  t.ok(performance.now() - started < 3_000)
  t.equal(world.metrics.changes.streams, 0)
})

t.test('events are counted by kind, streams by their beginning alone', async (t) => {
  const world = await createWorld(t)
  const client = await openEvents(t, world)
  await rotate(world, 'db-password')
  await client.has(1)
  await world.clock.advance(30_000)
  const { text } = await world.get('/metrics')
  t.match(text, 'sidekeep_events_total{event="rotated"} 1\n')
  t.match(text, 'sidekeep_events_total{event="gone"} 0\n')
  t.match(text, 'sidekeep_api_requests_total{route="/v1/events",method="GET",status="200"} 1\n')
  t.match(text, 'sidekeep_api_request_duration_seconds_sum{route="/v1/events"} 0\n')
})
