import t, { type Test } from 'tap'
import { failureOf } from '../../../src/proxy/limits/redis/failure.ts'
import { FakeRedis } from '../../support/fake-redis.ts'
import { asker, open, passes, redisConfig, rig } from '../support/redis-store.ts'

async function start(t: Test) {
  const redis = await FakeRedis.start(t)
  const all = rig()
  const store = await open(t, { store: redisConfig(redis.url) }, all.deps)
  return { redis, ...all, store, ask: asker(store, all.clock) }
}

t.test('a request waits for the bound and no longer, and those that follow not at all', async (t) => {
  const { redis, clock, told, ask } = await start(t)
  redis.hold()
  const answer = Promise.resolve(ask('a'))
  let isOver = false
  void answer.then(() => {
    isOver = true
  })
  await redis.received('EVALSHA', 2)
  await clock.advance(49)
  t.notOk(isOver)
  await clock.advance(1)
  t.ok(isOver)
  t.ok(passes(await answer), 'it is counted in this process')
  t.strictSame(told.failures, ['timeout'])
  t.notOk(ask('b') instanceof Promise, 'the next one has its answer at once')
  t.match(told.lines, [
    {
      level: 40,
      reason: 'timeout',
      code: 'SLOW',
      onStoreFailure: 'local',
      msg: 'the store of the limits cannot be asked: the limits count in this process alone until it can',
    },
  ])
})

for (const [what, errors] of [
  ['out of memory', "OOM command not allowed when used memory > 'maxmemory'. script: 1, on @user_script:34."],
  ['a replica', "READONLY You can't write against a read only replica."],
  ['loading', 'LOADING Redis is loading the dataset in memory'],
  ['without a password that it wants', 'NOAUTH Authentication required.'],
  ['a cluster that lacks nodes', 'CLUSTERDOWN Hash slot not served'],
  ['a node of a cluster', 'MOVED 3999 127.0.0.1:6381'],
  [
    'unable to save',
    'MISCONF Redis is configured to save RDB snapshots, but it is unable to persist on disk.',
  ],
  ['forbidding it', "NOPERM User default has no permissions to run the 'evalsha' command"],
] as const) {
  t.test(`a Redis that is ${what} is left alone until it is over`, async (t) => {
    const { redis, clock, told, ask } = await start(t)
    redis.errors.set('EVALSHA', errors)
    t.ok(passes(await ask('a')))
    t.strictSame(told.failures, ['error'])
    const code = errors.split(' ')[0]
    t.match(told.lines, [{ level: 40, reason: 'error', code, remedy: String }])
    t.notOk(told.lines[0]?.remedy?.toString().includes(errors.slice(code?.length)), 'in words of ours')
    t.notOk(ask('b') instanceof Promise)
    t.notOk(ask('b') instanceof Promise)
    await clock.advance(100)
    await told.failed(2)
    t.equal(told.lines.length, 1, 'it is logged once')
    redis.errors.clear()
    await clock.advance(200)
    await told.logged(2)
    t.match(told.lines[1], {
      level: 30,
      forMs: 300,
      requests: 3,
      msg: 'the store of the limits is asked again',
    })
    const before = redis.of('EVALSHA').length
    t.ok(passes(await ask('c')))
    t.equal(redis.of('EVALSHA').length, before + 1, 'Redis is asked again')
  })
}

t.test('a connection that is lost is made anew, with backoff', async (t) => {
  const { redis, clock, told, ask } = await start(t)
  await redis.stop()
  await told.failed(1)
  t.strictSame(told.failures, ['unreachable'])
  t.notOk(ask('a') instanceof Promise)
  for (const [count, wait] of [100, 200, 400, 800, 1_600, 3_000, 3_000].entries()) {
    await clock.advance(wait - 2)
    t.equal(told.failures.length, count + 1, `the next attempt comes after ${wait} ms`)
    await clock.advance(2)
    await told.failed(count + 2)
  }
  await redis.listen()
  await clock.advance(3_000)
  await told.logged(2)
  t.equal(told.messages.length, 2, 'one line when it began, one when it was over')
  t.ok(passes(await ask('a')))
})

t.test('waits between attempts are longer when the last outage was a moment ago', async (t) => {
  const { redis, clock, told, ask } = await start(t)
  redis.errors.set('EVALSHA', 'LOADING')
  await ask('a')
  redis.errors.clear()
  await clock.advance(100)
  await told.logged(2)
  redis.errors.set('EVALSHA', 'LOADING')
  await ask('a')
  const before = redis.of('EVALSHA').length
  await clock.advance(150)
  t.equal(redis.of('EVALSHA').length, before)
  redis.errors.clear()
  await clock.advance(50)
  await told.logged(4)
  await clock.advance(10_000)
  redis.errors.set('EVALSHA', 'LOADING')
  await ask('a')
  await clock.advance(100)
  await redis.received('EVALSHA', before + 3)
  t.pass('after ten steady seconds they begin with the shortest again')
})

t.test('requests that wait when the connection is lost are answered at once', async (t) => {
  const { redis, ask, told } = await start(t)
  redis.hold()
  const answers = ['a', 'b', 'c'].map(ask)
  await redis.received('EVALSHA', 2)
  redis.drop()
  t.strictSame((await Promise.all(answers)).map(passes), [true, true, true])
  t.strictSame(told.failures, ['unreachable'], 'one failure, however many waited')
})

t.test('scripts that were flushed are no failure', async (t) => {
  const { redis, ask, told } = await start(t)
  redis.forgetScripts()
  t.ok(passes(await ask('a')))
  t.ok(passes(await ask('a')))
  t.ok(passes(await ask('a')))
  t.notOk(passes(await ask('a')), 'and nothing is counted twice')
  t.equal(redis.of('EVAL').length, 2)
  t.strictSame(told.failures, [])
})

t.test('what is no answer of the script ends the connection', async (t) => {
  const { redis, ask, told } = await start(t)
  redis.answers.set('EVALSHA', '*1\r\n$3\r\nfoo\r\n')
  t.ok(passes(await ask('a')))
  t.match(told.lines, [{ reason: 'error', code: 'UNEXPECTED_ANSWER' }])
})

t.test('of an error only its code is told', async (t) => {
  const replied = (message: string): Error => Object.assign(new Error(message), { name: 'ReplyError' })
  const wrapped =
    "ERR Error running script (call to f_1): @user_script:1: @user_script: 34: -OOM command not allowed when used memory > 'maxmemory'."
  t.match(failureOf(replied(wrapped)), { code: 'OOM', endsConnection: false }, 'Redis 6 wraps it')
  t.match(failureOf(replied('ERR something')), { code: 'ERR', reason: 'error' })
  t.match(failureOf(replied('lower case')), { code: 'ERR' })
  t.match(failureOf(Object.assign(new Error('x'), { lastNodeError: replied('WRONGPASS x') })), {
    code: 'WRONGPASS',
  })
  t.match(failureOf(Object.assign(new Error('x'), { code: 'DEPTH_ZERO_SELF_SIGNED_CERT' })), {
    reason: 'unreachable',
    remedy: /certificate/,
  })
  t.match(failureOf('nothing'), { reason: 'unreachable', code: 'CONNECTION_LOST' })
})
