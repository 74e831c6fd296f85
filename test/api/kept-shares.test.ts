/** The attack: one caller takes every place there is for waits and streams, and keeps it. */
import t from 'tap'
import type { HttpAnswer } from '../support/http-answer.ts'
import { settle } from '../support/virtual-clock.ts'
import { request } from './support/client.ts'
import { openEvents } from './support/event-client.ts'
import { as, KnownCallers } from './support/known-callers.ts'
import type { World } from './support/world.ts'
import { createWorld } from './support/world.ts'

const path = '/v1/secrets/db-password'

const callers = (): KnownCallers => new KnownCallers({ greedy: {}, other: {}, third: {} })

/** Asks to wait for another version; the answers, once so many more wait. */
async function wait(world: World, caller: string, count: number): Promise<Promise<HttpAnswer>[]> {
  const plain = await request(world.port, 'GET', path, { headers: as(caller) })
  const headers = { ...as(caller), 'If-None-Match': plain.headers.etag ?? '' }
  const answers: Promise<HttpAnswer>[] = []
  for (let at = 0; at < count; at += 1) {
    const seen = new Promise((resolve) => world.api.server.once('request', resolve))
    answers.push(request(world.port, 'GET', `${path}?wait=1m`, { headers }))
    // One after the other: the oldest is to be known.
    await seen
    for (let turns = 0; turns < 5; turns += 1) await settle()
  }
  return answers
}

t.test('a caller that waits on every connection gives one to each who has fewer, its oldest', async (t) => {
  const world = await createWorld(t, { deps: { access: callers() }, config: { maxConnections: 8 } })
  const [oldest, second] = await wait(world, 'greedy', 6)
  const [refused] = await wait(world, 'greedy', 1)
  t.match((await refused)?.json(), { code: 'SIDEKEEP_TOO_MANY_WAITERS' }, 'nobody gives way to itself')
  await wait(world, 'other', 1)
  t.match((await oldest)?.json(), { code: 'SIDEKEEP_TOO_MANY_WAITERS' })
  await wait(world, 'third', 1)
  t.equal((await second)?.status, 503)
  t.equal(world.metrics.changes.waiting, 6)
  await wait(world, 'other', 2)
  t.equal(world.metrics.changes.waiting, 6, 'until all have as many')
  const [beyond] = await wait(world, 'other', 1)
  t.equal((await beyond)?.status, 503)
})

t.test('a caller that has every stream gives one to who has none, whose client comes back', async (t) => {
  const config = { maxEventStreams: 3 }
  const world = await createWorld(t, { deps: { access: callers() }, config })
  const open = (caller: string) => openEvents(t, world, '', as(caller))
  const greedy = [await open('greedy'), await open('greedy'), await open('greedy')]
  t.equal((await open('greedy')).status, 503)
  const other = await open('other')
  t.equal(other.status, 200)
  await greedy[0]?.closed
  t.equal(greedy[0]?.response.complete, true, 'it ends in order')
  const back = await open('greedy')
  t.match(back, { status: 503, headers: { 'retry-after': '1' } }, 'and finds that there is no place')
  t.equal((await open('third')).status, 200)
  await greedy[1]?.closed
  t.equal((await open('other')).status, 503, 'one each')
  t.equal(greedy[2]?.response.complete, false)
})

t.test('what may be kept together is shared in the same way, whichever kind it is', async (t) => {
  const world = await createWorld(t, { deps: { access: callers() }, config: { maxConnections: 4 } })
  const stream = await openEvents(t, world, '', as('greedy'))
  const [oldest] = await wait(world, 'greedy', 2)
  const other = await openEvents(t, world, '', as('other'))
  t.equal(other.status, 200)
  t.equal((await oldest)?.status, 503, 'of what it has more of')
  t.equal(stream.response.complete, false)
  other.leave()
  while (world.metrics.changes.streams > 1) await settle()
  await wait(world, 'greedy', 1)
  t.equal(world.metrics.changes.waiting, 2, 'who leaves makes room for as many')
})

t.test('a bound that was lowered sends nobody away, and is shared one for one', async (t) => {
  const world = await createWorld(t, { deps: { access: callers() }, config: { maxConnections: 8 } })
  await wait(world, 'greedy', 6)
  world.configure({ maxConnections: 4, maxWaiters: 2 })
  const [refused] = await wait(world, 'greedy', 1)
  t.equal((await refused)?.status, 503)
  await wait(world, 'other', 1)
  t.equal(world.metrics.changes.waiting, 6)
})
