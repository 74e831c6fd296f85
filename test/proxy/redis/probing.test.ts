import t, { type Test } from 'tap'
import { FakeRedis } from '../../support/fake-redis.ts'
import { asker, open, redisConfig, rig } from '../support/redis-store.ts'

async function paused(t: Test) {
  const redis = await FakeRedis.start(t)
  const all = rig()
  const store = await open(t, { store: redisConfig(redis.url) }, all.deps)
  const ask = asker(store, all.clock)
  redis.hold()
  const answer = ask('a')
  await redis.received('EVALSHA', 2)
  await all.clock.advance(50)
  await answer
  return { redis, ...all, ask }
}

t.test('while Redis stands still there is one probe, and nothing else piles up', async (t) => {
  const { redis, clock, ask } = await paused(t)
  await clock.advance(100)
  await redis.received('EVALSHA', 3)
  for (let round = 0; round < 1_000; round += 1) ask(`client-${round}`)
  await clock.advance(1_900)
  t.equal(redis.of('EVALSHA').length, 3)
  t.equal(redis.connections, 1)
})

t.test(
  'a probe that is not answered for 2 s ends the connection, and the next one is a new one',
  async (t) => {
    const { redis, clock, told } = await paused(t)
    await clock.advance(100)
    await redis.received('EVALSHA', 3)
    await clock.advance(2_000)
    t.strictSame(told.failures, ['timeout', 'timeout'])
    await clock.advance(200)
    await redis.connected(2)
    redis.release()
    await told.logged(2)
    t.match(told.messages[1], /asked again/)
  },
)

t.test('a probe that is answered late leaves things as they are', async (t) => {
  const { redis, clock, told } = await paused(t)
  await clock.advance(100)
  await redis.received('EVALSHA', 3)
  await clock.advance(51)
  redis.release()
  await told.failed(2)
  t.strictSame(told.failures, ['timeout', 'timeout'])
  t.equal(redis.connections, 1, 'it is slow, not dead')
  await clock.advance(200)
  await told.logged(2)
  t.match(told.messages[1], /asked again/)
})

t.test('a Redis that takes connections and says nothing is given up after 2 s', async (t) => {
  const redis = await FakeRedis.start(t, { password: 'CANARY-redis' })
  const { clock, told, values, deps } = rig()
  values.set('redis', 'CANARY-redis')
  redis.hold()
  const opening = open(t, { store: redisConfig(redis.url, { password: { secret: 'redis' } }) }, deps)
  await redis.received('AUTH', 1)
  await clock.advance(500)
  const store = await opening
  t.notOk(asker(store, clock)('a') instanceof Promise, 'it is opened all the same')
  await clock.advance(1_500)
  t.strictSame(told.failures, ['timeout'])
  redis.release()
  await clock.advance(100)
  await told.logged(2)
  t.equal(redis.connections, 2)
})

t.test(
  'after READONLY the next probe has a connection of its own, which may lead to the new primary',
  async (t) => {
    const redis = await FakeRedis.start(t)
    const { clock, told, deps } = rig()
    const store = await open(t, { store: redisConfig(redis.url) }, deps)
    redis.errors.set('EVALSHA', "READONLY You can't write against a read only replica.")
    await asker(store, clock)('a')
    redis.errors.clear()
    await clock.advance(100)
    await told.logged(2)
    t.equal(redis.connections, 2)
  },
)
