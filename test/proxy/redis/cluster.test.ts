import t from 'tap'
import { StringSource } from '../../../src/config/source.ts'
import { canaryGuard } from '../../support/canary.ts'
import { createAuthority } from '../../support/certificates.ts'
import { FakeRedis } from '../../support/fake-redis.ts'
import { asker, limit, open, passes, redisConfig, rig } from '../support/redis-store.ts'

t.test(
  'a cluster is found by one of its nodes, over TLS, with the password for each connection',
  async (t) => {
    const { clock, told, values, deps } = rig()
    told.copyTo = canaryGuard(t).sink('the log')
    const authority = createAuthority()
    const password = 'CANARY-cluster'
    const redis = await FakeRedis.start(t, { isCluster: true, password, tls: authority.issue() })
    values.set('redis', password)
    const config = redisConfig(redis.url, {
      cluster: true,
      username: 'default',
      password: { secret: 'redis' },
      ca: new StringSource(authority.ca, 'text'),
    })
    const limits = [limit({ burst: 1 }), limit({ name: 'second' })]
    const store = await open(t, { store: config, limits }, deps)
    t.strictSame(told.lines, [])
    const ask = asker(store, clock, 2)
    t.ok(passes(await ask('a')))
    t.notOk(passes(await ask('a')))
    t.equal(redis.of('EVALSHA').at(-1)?.[2], '2')
    t.strictSame(
      new Set(redis.of('AUTH').map((words) => words.join(' '))),
      new Set([`AUTH default ${password}`]),
    )
  },
)

t.test('a cluster whose nodes are gone is connected to anew', async (t) => {
  const { clock, told, deps } = rig()
  const redis = await FakeRedis.start(t, { isCluster: true })
  const store = await open(t, { store: redisConfig(redis.url, { cluster: true }) }, deps)
  const ask = asker(store, clock)
  t.ok(passes(await ask('a')))
  await redis.stop()
  await told.failed(1)
  t.notOk(ask('a') instanceof Promise)
  await clock.advance(100)
  await told.failed(2)
  t.equal(told.failures[1], 'unreachable')
  await redis.listen()
  await clock.advance(200)
  await told.logged(2)
  t.ok(passes(await ask('a')))
})

t.test('what is no cluster is not used as one', async (t) => {
  const { told, deps } = rig()
  const redis = await FakeRedis.start(t)
  await open(t, { store: redisConfig(redis.url, { cluster: true }) }, deps)
  t.match(told.lines, [{ level: 40, reason: 'error', code: 'ERR' }])
})
