import t from 'tap'
import { quotaOf } from '../../../src/limits/gcra.ts'
import { storedLimits } from '../../../src/proxy/limits/limiter.ts'
import { MemoryStore } from '../../../src/proxy/limits/memory-store.ts'
import { intervalInTicks } from '../../../src/proxy/limits/redis/script.ts'
import type { Demand } from '../../../src/proxy/limits/store.ts'
import { FakeRedis } from '../../support/fake-redis.ts'
import fc from '../../support/property.ts'
import { VirtualClock } from '../../support/virtual-clock.ts'
import { asker, limit, open, passes, redisConfig, rig } from '../support/redis-store.ts'

const microsOf = (clock: VirtualClock) => () => BigInt(Math.round(clock.wall() * 1_000))

t.test('a burst of 20 is exactly 20, and what follows waits for exactly one interval', async (t) => {
  const { clock, deps } = rig()
  const redis = await FakeRedis.start(t, { micros: microsOf(clock) })
  const store = await open(
    t,
    { store: redisConfig(redis.url), limits: [limit({ rate: 30, burst: 20 })] },
    deps,
  )
  const ask = asker(store, clock)
  const answers = await Promise.all(Array.from({ length: 25 }, () => ask('10.0.0.1')))
  t.strictSame(
    answers.map(passes),
    Array.from({ length: 25 }, (_, at) => at < 20),
  )
  const refused = answers[24]
  const verdict = typeof refused === 'string' ? undefined : refused?.[0]
  t.match(verdict, { allowed: false, remaining: 0 })
  t.equal(verdict?.retryAfterMs.toFixed(3), '33.333', 'an interval')
  await clock.advance(33)
  t.notOk(passes(await ask('10.0.0.1')))
  await clock.advance(1)
  t.ok(passes(await ask('10.0.0.1')))
})

t.test('all limits of all requests of one turn are one command', async (t) => {
  const { clock, deps } = rig()
  const redis = await FakeRedis.start(t)
  const limits = [limit(), limit({ name: 'global', key: [{ by: 'none' }], rate: 100, burst: 100 })]
  const store = await open(t, { store: redisConfig(redis.url), limits }, deps)
  const ask = asker(store, clock, 2)
  const before = redis.commands.length
  await Promise.all(['a', 'b', 'c'].map(ask))
  const [command, ...more] = redis.commands.slice(before)
  t.strictSame(more, [])
  t.equal(command?.[0], 'EVALSHA')
  t.equal(command?.[2], '6', 'three requests of two limits')
})

t.test('more than fit into one command go in several, and each gets its own answer', async (t) => {
  const { clock, deps } = rig()
  const redis = await FakeRedis.start(t)
  const store = await open(t, { store: redisConfig(redis.url) }, deps)
  const ask = asker(store, clock)
  const keys = Array.from({ length: 200 }, (_, at) => `10.0.0.${at % 50}`)
  const answers = await Promise.all(keys.map(ask))
  t.strictSame(
    answers.map(passes),
    keys.map((_, at) => at < 150),
    'the burst of each of 50 clients is 3',
  )
  t.ok(redis.of('EVALSHA').length > 2)
})

t.test('keys have the hash tag, the limit and its quota, and of clients a hash only', async (t) => {
  const { clock, deps } = rig()
  const redis = await FakeRedis.start(t, { micros: microsOf(clock) })
  const limits = [limit({ rate: 10, burst: 3 }), limit({ name: 'all', rate: 1_000, burst: 5 })]
  const store = await open(t, { store: redisConfig(redis.url, { prefix: 'my.shop' }), limits }, deps)
  await clock.advance(10)
  await store.take(
    [
      { place: 0, key: '203.0.113.9' },
      { place: 1, key: '' },
    ],
    clock.now(),
  )
  const [first = '', second = ''] = redis.keyspace.keys().sort().reverse()
  t.match(first, /^\{my\.shop\}:per-client:800000:3:[A-Za-z0-9_-]{22}$/)
  t.equal(second, '{my.shop}:all:8000:5:')
  t.notOk(redis.commands.flat().some((word) => word.includes('203.0.113.9')))
  t.equal(redis.keyspace.ttl(first), 101, 'it lives for as long as it owes, and a millisecond')
  await clock.advance(102)
  t.strictSame(redis.keyspace.keys(), [])
})

t.test('a limit with another rate begins anew', async (t) => {
  const { clock, deps } = rig()
  const redis = await FakeRedis.start(t)
  const store = redisConfig(redis.url)
  const former = await open(t, { store, limits: [limit({ burst: 1 })] }, deps)
  t.ok(passes(await asker(former, clock)('a')))
  t.notOk(passes(await asker(former, clock)('a')))
  const next = await open(t, { store, limits: [limit({ burst: 1, rate: 20 })] }, deps, former)
  t.ok(passes(await asker(next, clock)('a')))
})

t.test("when the server's clock has gone back, nobody owes more than a burst", async (t) => {
  const { clock, deps } = rig()
  let behind = 0n
  const redis = await FakeRedis.start(t, { micros: () => microsOf(clock)() - behind })
  const store = await open(t, { store: redisConfig(redis.url) }, deps)
  const ask = asker(store, clock)
  t.ok(passes(await ask('a')))
  behind = 3_600_000_000n
  t.notOk(passes(await ask('a')))
  await clock.advance(100)
  t.ok(passes(await ask('a')), 'after one interval, and not after an hour')
})

t.test('intervals are rounded by less than 1 %, up to 100,000 requests a second', async (t) => {
  for (let rate = 1; rate <= 100_000; rate += rate < 1_000 ? 1 : 997) {
    const ticks = intervalInTicks(quotaOf(rate, 1))
    const exact = 8_000_000 / rate
    if (Math.abs(ticks - exact) / exact > 0.01) t.fail(`${rate}/s is rounded to ${ticks} ticks`)
  }
  t.equal(intervalInTicks(quotaOf(100_000, 1)), 80)
  t.equal(intervalInTicks(quotaOf(99_999_999, 1)), 1, 'a tick at least')
})

/** Whole milliseconds: in ticks of both kinds they are whole too, so that verdicts must be the same. */
const history = fc.record({
  limits: fc.array(
    fc.record({
      interval: fc.integer({ min: 1, max: 50 }),
      burst: fc.integer({ min: 1, max: 6 }),
      mode: fc.constantFrom('enforce', 'enforce', 'shadow'),
    }),
    { minLength: 1, maxLength: 3 },
  ),
  turns: fc.array(
    fc.record({
      pause: fc.oneof(fc.constant(0), fc.integer({ min: 0, max: 60 })),
      /** For each request of the turn, who asks, and which limits are for it. */
      requests: fc.array(fc.tuple(fc.constantFrom('a', 'b'), fc.integer({ min: 1, max: 7 })), {
        minLength: 1,
        maxLength: 5,
      }),
    }),
    { minLength: 1, maxLength: 25 },
  ),
})

t.test('its verdicts are those of the memory store, whatever the history', async (t) => {
  const clock = new VirtualClock()
  const { deps } = rig(clock)
  const redis = await FakeRedis.start(t, { micros: microsOf(clock) })
  let run = 0
  await fc.assert(
    fc.asyncProperty(history, async ({ limits: quotas, turns }) => {
      run += 1
      const limits = quotas.map(({ interval, burst, mode }, at) =>
        limit({ name: `limit-${at}`, rate: 1_000 / interval, burst, mode }),
      )
      const memory = new MemoryStore(storedLimits(limits))
      // A prefix of its own: what the last run counted is none of this one's.
      const store = await open(t, { store: redisConfig(redis.url, { prefix: `run-${run}` }), limits }, deps)
      for (const { pause, requests } of turns) {
        await clock.advance(pause)
        const now = clock.now()
        const asked = requests.map(([key, which]) =>
          limits.flatMap((_, place): Demand[] => ((which >> place) & 1 ? [{ place, key }] : [])),
        )
        const demands = asked.filter((list) => list.length > 0)
        const answers = await Promise.all(demands.map((list) => store.take(list, now)))
        const expected = demands.map((list) => memory.take(list, now))
        t.strictSame(strip(answers), strip(expected))
        if (!t.passing()) throw new Error('the verdicts differ')
      }
      await store.close()
    }),
    { numRuns: 40 * Number(process.env.SIDEKEEP_PROPERTY_RUNS ?? 1) },
  )
})

/** A TAT that has passed may be told as it was, or as now: it says the same. */
function strip(answers: readonly unknown[]): unknown {
  return JSON.parse(JSON.stringify(answers, (name, value) => (name === 'tat' ? undefined : value)))
}
