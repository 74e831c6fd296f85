import t from 'tap'
import { refreshesPerSecond } from '../../src/api/refresh-limit.ts'
import { request } from './support/client.ts'
import { as, KnownCallers } from './support/known-callers.ts'
import { createWorld, pause } from './support/world.ts'

t.test('a loop that asks for one secret to be refreshed is stopped, whichever way it asks', async (t) => {
  const world = await createWorld(t)
  await pause(world)
  const calls = world.provider.calls
  const statuses: number[] = []
  for (let at = 0; at < refreshesPerSecond.one; at += 1) {
    const { status } = await (at % 2 === 0
      ? world.get('/v1/secrets/db-password?refresh=true')
      : world.post('/v1/refresh/db-password'))
    statuses.push(status)
  }
  t.equal(statuses.filter((status) => status !== 200).length, 0)
  t.equal(world.provider.calls, calls + 1, 'the provider is asked once a second')
  for (const refused of [
    await world.get('/v1/secrets/db-password?refresh=true'),
    await world.post('/v1/refresh/db-password'),
  ]) {
    t.equal(refused.status, 429)
    t.equal(refused.headers['retry-after'], '1')
    t.equal(refused.json().code, 'SIDEKEEP_RATE_LIMITED')
  }
  t.equal(world.provider.calls, calls + 1, 'and costs the provider nothing more')
  t.equal((await world.get('/v1/secrets/db-password')).status, 200, 'reads from memory have no limit')
})

t.test('names that nobody knows share one budget: making them up buys no further calls', async (t) => {
  const world = await createWorld(t)
  const statuses: number[] = []
  for (let at = 0; at <= refreshesPerSecond.one; at += 1) {
    statuses.push((await world.post(`/v1/refresh/made-up-${at}-${'a'.repeat(2_000)}`)).status)
  }
  t.same(statuses.slice(0, -1), new Array<number>(refreshesPerSecond.one).fill(404))
  t.equal(statuses.at(-1), 429)
  t.equal((await world.post('/v1/refresh/db-password')).status, 200, 'those that are known have their own')
})

t.test('refreshing everything has a limit of its own', async (t) => {
  const world = await createWorld(t)
  for (let at = 0; at < refreshesPerSecond.all; at += 1)
    t.equal((await world.post('/v1/refresh')).status, 200)
  const refused = await world.post('/v1/refresh')
  t.equal(refused.status, 429)
  t.equal(refused.json().code, 'SIDEKEEP_RATE_LIMITED')
  t.equal((await world.post('/v1/refresh/db-password')).status, 200)
})

t.test('a caller that refreshes in a loop uses up nobody else’s budget', async (t) => {
  const access = new KnownCallers({ loop: { allow: ['db-*'] }, other: {} })
  const world = await createWorld(t, { deps: { access } })
  await pause(world)
  const calls = world.provider.calls
  const post = async (path: string, caller: string) =>
    (await request(world.port, 'POST', path, { headers: as(caller) })).status
  for (const [path, most] of [
    ['/v1/refresh', refreshesPerSecond.all],
    ['/v1/refresh/db-password', refreshesPerSecond.one],
  ] as const) {
    for (let at = 0; at < most; at += 1) await post(path, 'loop')
    t.equal(await post(path, 'loop'), 429, path)
    t.equal(await post(path, 'other'), 200, path)
  }
  t.equal(world.provider.calls, calls + 1, 'the provider is asked once for all of them')
})
