import t from 'tap'
import { makeStore } from '../../../src/proxy/limits/make-store.ts'
import { createProxy } from '../../../src/proxy/server.ts'
import { FakeRedis } from '../../support/fake-redis.ts'
import { configOf, noValues, Observed } from '../support/proxy.ts'
import { asker, limit, passes, redisConfig, rig } from '../support/redis-store.ts'

t.test('a proxy is made without its Redis, and listens once that was asked', async (t) => {
  const redis = await FakeRedis.start(t)
  const { clock, told } = rig()
  const config = configOf({ upstream: 'http://127.0.0.1:1', store: redisConfig(redis.url) })
  const proxy = await createProxy({
    config,
    log: told.log,
    clock,
    observer: new Observed(),
    values: noValues,
  })
  t.teardown(() => proxy.close())
  t.equal(redis.connections, 0)
  await proxy.app.listen({ host: '127.0.0.1', port: 0 })
  t.equal(redis.of('EVAL').length, 1)
})

t.test('a Redis that hangs is waited for half a second', async (t) => {
  const redis = await FakeRedis.start(t)
  redis.hold()
  const { clock, deps } = rig()
  const store = makeStore({ limits: [limit()], store: redisConfig(redis.url), onStoreFailure: 'local' }, deps)
  t.teardown(() => store.close())
  let isOpen = false
  const opening = store.open().then(() => {
    isOpen = true
  })
  await redis.received('EVALSHA', 1)
  await clock.advance(499)
  t.notOk(isOpen)
  await clock.advance(1)
  await opening
  t.ok(passes(await asker(store, clock)('a')), 'and then it is gone without')
})

t.test('nobody waits for it a second time, nor asks before the first', async (t) => {
  const redis = await FakeRedis.start(t)
  const { clock, told, values, deps } = rig()
  const store = makeStore(
    {
      limits: [limit()],
      store: redisConfig(redis.url, { password: { secret: 'redis' } }),
      onStoreFailure: 'local',
    },
    deps,
  )
  t.teardown(() => store.close())
  await clock.advance(60_000)
  t.strictSame([told.failures, values.watchers], [[], 0], 'the secret may still be on its way')
  values.set('redis', 'x')
  await store.open()
  t.equal(redis.connections, 1)
  redis.hold()
  redis.drop()
  await told.failed(1)
  await clock.advance(100)
  await store.open()
  t.pass('an attempt is under way')
})

t.test('a store that was closed before is not opened any more', async (t) => {
  const redis = await FakeRedis.start(t)
  const { values, deps } = rig()
  const store = makeStore(
    {
      limits: [limit()],
      store: redisConfig(redis.url, { password: { secret: 'redis' } }),
      onStoreFailure: 'local',
    },
    deps,
  )
  await store.close()
  await store.open()
  t.strictSame([redis.connections, values.watchers], [0, 0])
})
