/**
 * The attack: a caller opens connection after connection and waits on each, or listens for events, until nobody else
 * finds one.
 */
import t from 'tap'
import { settle } from '../support/virtual-clock.ts'
import { openEvents } from './support/event-client.ts'
import type { World } from './support/world.ts'
import { createWorld } from './support/world.ts'

const path = '/v1/secrets/db-password'

/** Has so many callers wait for another version. */
async function wait(world: World, count: number): Promise<void> {
  const tag = (await world.get(path)).headers.etag ?? ''
  const waiting = world.metrics.changes.waiting + count
  for (let at = 0; at < count; at += 1) {
    world.get(`${path}?wait=1m`, { headers: { 'If-None-Match': tag } }).catch(() => {})
  }
  while (world.metrics.changes.waiting < waiting) await settle()
}

async function refused(world: World): Promise<{ code: unknown; detail: unknown }> {
  const tag = (await world.get(path)).headers.etag ?? ''
  const answer = await world.get(`${path}?wait=1m`, { headers: { 'If-None-Match': tag } })
  const { code, detail } = answer.json()
  return { code, detail }
}

t.test('callers who wait leave a quarter of the connections, whatever api.maxWaiters says', async (t) => {
  const world = await createWorld(t, { config: { maxConnections: 8, maxWaiters: 10_000 } })
  await wait(world, 6)
  t.match(await refused(world), {
    code: 'SIDEKEEP_TOO_MANY_WAITERS',
    detail: /\(6, waiting callers and event streams together\).*raise api\.maxConnections\./,
  })
  t.equal((await world.get(path)).status, 200, 'a plain read finds a connection')
  t.equal((await world.get('/livez')).status, 200)
})

t.test('event streams and callers who wait share that bound', async (t) => {
  const world = await createWorld(t, { config: { maxConnections: 8 } })
  const streams = [await openEvents(t, world), await openEvents(t, world), await openEvents(t, world)]
  await wait(world, 3)
  t.match(await refused(world), { code: 'SIDEKEEP_TOO_MANY_WAITERS' })
  const { status, headers, json } = await world.get('/v1/events')
  t.match({ status, headers }, { status: 503, headers: { 'retry-after': '1' } })
  t.match(json(), {
    code: 'SIDEKEEP_TOO_MANY_EVENT_STREAMS',
    detail: /\(6, waiting callers and event streams together\).*raise api\.maxConnections\./,
  })
  for (const stream of streams) stream.leave()
  while (world.metrics.changes.streams > 0) await settle()
  await wait(world, 3)
  t.match(await refused(world), { code: 'SIDEKEEP_TOO_MANY_WAITERS' }, 'who left has made room for as many')
})

t.test('a bound of its own that is lower is the one that is named', async (t) => {
  const world = await createWorld(t, { config: { maxConnections: 8, maxWaiters: 2, maxEventStreams: 1 } })
  await wait(world, 2)
  t.match((await refused(world)).detail, /\(2\).*raise api\.maxWaiters\./)
  await openEvents(t, world)
  t.match((await world.get('/v1/events')).json().detail, /\(1\).*raise api\.maxEventStreams\./)
})

t.test('where there may be one connection, it may be kept', async (t) => {
  const world = await createWorld(t, { config: { maxConnections: 1 } })
  const stream = await openEvents(t, world)
  t.equal(stream.status, 200)
})

t.test('a changed configuration counts from the next request on', async (t) => {
  const config = { maxConnections: 4 }
  const world = await createWorld(t, { config })
  await wait(world, 3)
  t.match(await refused(world), { code: 'SIDEKEEP_TOO_MANY_WAITERS' })
  world.configure({ maxConnections: 8 })
  await wait(world, 3)
  t.match((await refused(world)).detail, /\(6,/)
})
