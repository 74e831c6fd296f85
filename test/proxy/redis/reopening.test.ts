import t from 'tap'
import { MemoryStore } from '../../../src/proxy/limits/memory-store.ts'
import { FakeRedis } from '../../support/fake-redis.ts'
import { asker, limit, open, passes, redisConfig, rig } from '../support/redis-store.ts'

t.test(
  'a configuration with the same Redis keeps the connection, whichever store is closed first',
  async (t) => {
    const redis = await FakeRedis.start(t)
    const { clock, deps } = rig()
    const former = await open(t, { store: redisConfig(redis.url) }, deps)
    const next = await open(t, { store: redisConfig(redis.url), onStoreFailure: 'deny' }, deps, former)
    await former.close()
    await former.close()
    t.ok(passes(await asker(next, clock)('a')))
    const abandoned = await open(t, { store: redisConfig(redis.url) }, deps, next)
    await abandoned.close()
    t.ok(passes(await asker(next, clock)('a')))
    t.equal(redis.connections, 1)
    await next.close()
    await redis.disconnected(1)
    t.pass('the last one ends it')
  },
)

t.test('what an outage means is what the newest configuration says', async (t) => {
  const redis = await FakeRedis.start(t)
  const { told, deps } = rig()
  const former = await open(t, { store: redisConfig(redis.url) }, deps)
  await open(t, { store: redisConfig(redis.url), onStoreFailure: 'deny' }, deps, former)
  await former.close()
  redis.drop()
  await told.failed(1)
  t.match(told.lines, [{ onStoreFailure: 'deny' }])
})

t.test('another Redis is another connection, and the former one ends with its store', async (t) => {
  const redis = await FakeRedis.start(t)
  const { clock, told, deps } = rig()
  const former = await open(t, { store: redisConfig(redis.url) }, deps)
  const next = await open(t, { store: redisConfig(redis.url, { timeout: 20 }) }, deps, former)
  t.equal(redis.connections, 2)
  await former.close()
  await redis.disconnected(1)
  t.ok(passes(await asker(next, clock)('a')))
  t.strictSame(told.lines, [], 'that it was closed is no failure')
})

t.test('the count of this process goes along from store to store', async (t) => {
  const redis = await FakeRedis.start(t)
  const { clock, told, deps } = rig()
  const limits = [limit({ rate: 1, burst: 1 })]
  const memory = await open(t, { store: { kind: 'memory' }, limits }, deps)
  t.ok(memory instanceof MemoryStore)
  t.ok(passes(await asker(memory, clock)('a')))
  const first = await open(t, { store: redisConfig(redis.url), limits }, deps, memory)
  t.ok(passes(await asker(first, clock)('b')))
  const second = await open(t, { store: redisConfig(redis.url, { prefix: 'other' }), limits }, deps, first)
  await redis.stop()
  await told.failed(2)
  for (const key of ['a', 'b']) t.notOk(passes(await asker(second, clock)(key)), `${key} has used it up`)
  const back = await open(t, { store: { kind: 'memory' }, limits }, deps, second)
  t.notOk(passes(await asker(back, clock)('b')))
})

t.test('a store that is closed answers by itself, and leaves nothing behind', async (t) => {
  const redis = await FakeRedis.start(t)
  const { clock, told, values, deps } = rig()
  values.set('redis', 'x')
  const store = await open(t, { store: redisConfig(redis.url, { password: { secret: 'redis' } }) }, deps)
  redis.hold()
  const waiting = asker(store, clock)('a')
  await redis.received('EVALSHA', 2)
  await store.close()
  t.ok(passes(await waiting))
  t.ok(passes(await asker(store, clock)('a')))
  t.equal(clock.pending, 0)
  t.equal(values.watchers, 0)
  t.strictSame(told.lines, [])
})

t.test('one that is closed while it connects gives that up', async (t) => {
  const redis = await FakeRedis.start(t)
  await redis.stop()
  const { clock, told, deps } = rig()
  const store = await open(t, { store: redisConfig(redis.url) }, deps)
  await redis.listen()
  await clock.advance(100)
  await store.close()
  await redis.disconnected(redis.connections)
  t.equal(clock.pending, 0)
  t.equal(told.lines.length, 1)
})
