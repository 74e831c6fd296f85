import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { StringSource } from '../../../src/config/source.ts'
import { canaryGuard } from '../../support/canary.ts'
import { createAuthority } from '../../support/certificates.ts'
import { FakeRedis } from '../../support/fake-redis.ts'
import { asker, open, passes, redisConfig, rig, type Told } from '../support/redis-store.ts'

// ioredis reads it when it is loaded, which the first test of this file does.
process.env.DEBUG = '*'

/** No value in the log, nor, with DEBUG set, in what this process writes. */
function guarded(t: Test, told: Told): void {
  told.copyTo = canaryGuard(t).sink('the log')
}

const fromSecret = { password: { secret: 'redis' } }

t.test('a password that rotates is taken over with the next connection', async (t) => {
  const { clock, told, values, deps } = rig()
  guarded(t, told)
  const redis = await FakeRedis.start(t, { password: 'CANARY-first' })
  values.set('redis', 'CANARY-first')
  const store = await open(t, { store: redisConfig(redis.url, fromSecret) }, deps)
  const ask = asker(store, clock)
  t.ok(passes(await ask('a')))
  t.strictSame(told.failures, [])
  redis.password = 'CANARY-second'
  values.set('redis', 'CANARY-second')
  t.equal(redis.connections, 1, 'the connection that there is goes on')
  redis.drop()
  await told.failed(1)
  await clock.advance(100)
  await told.logged(2)
  t.strictSame(redis.of('AUTH'), [
    ['AUTH', 'CANARY-first'],
    ['AUTH', 'CANARY-second'],
  ])
  t.equal(process.env.DEBUG, '*', 'which is as it was')
})

t.test('a wrong password is told with a remedy, and the right one used as soon as it is there', async (t) => {
  const { clock, told, values, deps } = rig()
  guarded(t, told)
  const redis = await FakeRedis.start(t, { password: 'CANARY-right' })
  values.set('redis', 'CANARY-wrong')
  const store = await open(t, { store: redisConfig(redis.url, fromSecret) }, deps)
  t.match(told.lines, [{ level: 40, code: 'WRONGPASS', remedy: /password or the user is wrong/ }])
  t.ok(passes(await asker(store, clock)('a')), 'counted in this process')
  values.set('redis', 'CANARY-right')
  await told.logged(2)
  t.match(told.messages[1], /asked again/)
  t.equal(clock.now(), 0, 'without waiting for the next attempt')
})

t.test('a secret that is not there yet is no news at the start, and is used when it comes', async (t) => {
  const { told, values, deps } = rig()
  guarded(t, told)
  const redis = await FakeRedis.start(t, { password: 'CANARY-late' })
  await open(t, { store: redisConfig(redis.url, fromSecret) }, deps)
  t.strictSame(told.lines, [])
  values.set('redis', 'CANARY-late')
  await redis.received('EVAL', 1)
  t.equal(redis.connections, 1)
  t.strictSame(told.lines, [])
})

t.test('a secret that is still not there after a while, or when a request comes, is told', async (t) => {
  const redis = await FakeRedis.start(t, { password: 'CANARY-late' })
  const first = rig()
  await open(t, { store: redisConfig(redis.url, fromSecret) }, first.deps)
  await first.clock.advance(4_000)
  t.strictSame(first.told.lines, [])
  await first.clock.advance(5_000)
  t.match(first.told.lines, [{ code: 'PASSWORD_MISSING', remedy: /proxy\.store\.password/ }])
  const second = rig()
  const store = await open(t, { store: redisConfig(redis.url, fromSecret) }, second.deps)
  asker(store, second.clock)('a')
  t.match(second.told.lines, [{ code: 'PASSWORD_MISSING' }])
  t.equal(redis.connections, 0, 'nobody connects without it')
})

t.test('a password in a file is read for each attempt', async (t) => {
  const { clock, told, deps } = rig()
  guarded(t, told)
  const file = join(t.testdir(), 'password')
  const redis = await FakeRedis.start(t, { password: 'CANARY-in-a-file' })
  const password = new StringSource({ file }, 'credential')
  await open(t, { store: redisConfig(redis.url, { password }) }, deps)
  t.match(told.lines, [{ code: 'SIDEKEEP_CREDENTIAL_UNREADABLE', remedy: /cannot be read/ }])
  writeFileSync(file, 'CANARY-in-a-file\n')
  await clock.advance(100)
  await told.logged(2)
  t.match(told.messages[1], /asked again/)
})

t.test('the user goes along, and the database is chosen', async (t) => {
  const { told, values, deps } = rig()
  guarded(t, told)
  const redis = await FakeRedis.start(t, { password: 'CANARY-user' })
  values.set('redis', 'CANARY-user')
  const config = redisConfig(`${redis.url}/3`, { ...fromSecret, username: 'default' })
  await open(t, { store: config }, deps)
  t.strictSame(told.lines, [])
  t.strictSame(redis.of('AUTH'), [['AUTH', 'default', 'CANARY-user']])
  t.strictSame(redis.of('SELECT'), [['SELECT', '3']])
})

t.test('a password that nobody wants does no harm, and nothing is written about it', async (t) => {
  const { told, values, deps } = rig()
  guarded(t, told)
  const redis = await FakeRedis.start(t)
  values.set('redis', 'CANARY-needless')
  await open(t, { store: redisConfig(redis.url, fromSecret) }, deps)
  t.strictSame(told.lines, [])
  t.equal(redis.of('EVAL').length, 1)
})

t.test('TLS is always verified, against the authority that is named', async (t) => {
  const authority = createAuthority()
  const redis = await FakeRedis.start(t, { tls: authority.issue() })
  const good = rig()
  const ca = new StringSource(authority.ca, 'text')
  const store = await open(t, { store: redisConfig(redis.url, { ca }) }, good.deps)
  t.ok(passes(await asker(store, good.clock)('a')))
  t.strictSame(good.told.lines, [])
  const strange = rig()
  await open(t, { store: redisConfig(redis.url) }, strange.deps)
  t.match(strange.told.lines, [{ reason: 'unreachable', remedy: /proxy\.store\.ca/ }])
  const other = await FakeRedis.start(t, { tls: authority.issue({ names: ['redis.example'] }) })
  const named = rig()
  await open(t, { store: redisConfig(other.url, { ca }) }, named.deps)
  t.match(named.told.lines, [{ code: 'ERR_TLS_CERT_ALTNAME_INVALID', remedy: /proxy\.store\.url/ }])
})
