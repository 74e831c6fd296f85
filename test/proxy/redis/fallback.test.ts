import t from 'tap'
import { Limiter } from '../../../src/proxy/limits/limiter.ts'
import { FakeRedis } from '../../support/fake-redis.ts'
import { asker, limit, open, passes, redisConfig, rig } from '../support/redis-store.ts'

t.test('falling over gives nobody a fresh burst', async (t) => {
  const redis = await FakeRedis.start(t)
  const { clock, told, deps } = rig()
  const limits = [limit({ rate: 1, burst: 3 })]
  const store = await open(t, { store: redisConfig(redis.url), limits }, deps)
  const ask = asker(store, clock)
  for (const _ of [1, 2]) t.ok(passes(await ask('a')))
  await redis.stop()
  await told.failed(1)
  t.ok(passes(await ask('a')), 'the third')
  t.notOk(passes(await ask('a')), 'the fourth is one too many')
  t.ok(passes(await ask('b')), 'whoever owes nothing has a burst')
  t.equal(store.size(0), 2)
})

t.test('what a refused request was not charged for in Redis, it is not charged for here', async (t) => {
  const redis = await FakeRedis.start(t)
  const { clock, told, deps } = rig()
  const limits = [limit({ rate: 1, burst: 1 }), limit({ name: 'all', rate: 1, burst: 3 })]
  const store = await open(t, { store: redisConfig(redis.url), limits }, deps)
  const demands = (key: string) => [
    { place: 0, key },
    { place: 1, key: '' },
  ]
  const ask = (key: string) => store.take(demands(key), clock.now())
  t.ok(passes(await ask('a')))
  for (const _ of [1, 2, 3]) t.notOk(passes(await ask('a')))
  await redis.stop()
  await told.failed(1)
  t.ok(passes(await ask('b')), 'the second of three')
  t.ok(passes(await ask('c')), 'the third')
  t.notOk(passes(await ask('d')))
})

t.test('allow lets everything pass, without a word of limits in the answer', async (t) => {
  const redis = await FakeRedis.start(t)
  const { told, deps } = rig()
  const limits = [limit({ rate: 1, burst: 1 })]
  const store = await open(t, { store: redisConfig(redis.url), limits, onStoreFailure: 'allow' }, deps)
  await redis.stop()
  await told.failed(1)
  const ruling = await limiterOf(store, limits).rule(request, 0)
  t.strictSame(ruling, { headers: [] })
  t.match(told.messages, [/no limit applies/])
  t.equal(store.size(0), 0)
})

t.test('deny refuses what has a limit, and says when to ask again', async (t) => {
  const redis = await FakeRedis.start(t)
  const { told, deps } = rig()
  const limits = [limit({ rate: 1, burst: 1 })]
  const store = await open(t, { store: redisConfig(redis.url), limits, onStoreFailure: 'deny' }, deps)
  await redis.stop()
  await told.failed(1)
  const { refusal } = await limiterOf(store, limits).rule(request, 0)
  t.match(refusal?.error, { code: 'SIDEKEEP_LIMITS_UNAVAILABLE' })
  t.match(told.messages, [/requests that have a limit are refused/])
})

t.test('a Redis that is not there at the start is a failure like any other', async (t) => {
  const redis = await FakeRedis.start(t)
  await redis.stop()
  const { clock, told, deps } = rig()
  const store = await open(t, { store: redisConfig(redis.url) }, deps)
  t.match(told.lines, [{ reason: 'unreachable', code: 'ECONNREFUSED' }])
  t.ok(passes(await asker(store, clock)('a')))
  await redis.listen()
  await clock.advance(100)
  await told.logged(2)
  t.match(told.lines[1], { requests: 1 })
})

const request = { method: 'GET', path: '/', client: '10.0.0.1', headers: {}, rawHeaders: [] }

function limiterOf(store: Awaited<ReturnType<typeof open>>, limits: ReturnType<typeof limit>[]): Limiter {
  return new Limiter({ limits, store, headers: 'draft', observer: { limited() {} } })
}
