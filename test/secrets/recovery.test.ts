import t from 'tap'
import { longestRecovery } from '../../src/secrets/backoff.ts'
import type { Random } from '../../src/secrets/clock.ts'
import type { Answer } from '../support/heart-backend.ts'
import { denied, fetched, KeyBackend, throttled, unavailable } from '../support/heart-backend.ts'
import { createRig, day, hour, minute, ruleOf, second } from '../support/heart-rig.ts'
import { settle, VirtualClock } from '../support/virtual-clock.ts'

const good = (): Answer => fetched('CANARY-1')
/** Between two probes of a breaker that is open for an outage, and for a credential that is refused. */
const longestProbeGap = minute
const longestProbeGapDenied = 10 * minute

function lcg(seed: number): Random {
  let state = seed
  return () => {
    state = (state * 1_664_525 + 1_013_904_223) % 2 ** 32
    return state / 2 ** 32
  }
}

function start(
  test: Parameters<typeof createRig>[0],
  { secrets = 100, refreshMs = 10 * minute, maxStaleMs = day, random = lcg(1), answer = good } = {},
) {
  const clock = new VirtualClock()
  const backend = new KeyBackend(clock, () => answer())
  const rules = Array.from({ length: secrets }, (_, at) => ruleOf(`s${at}`, { refreshMs, maxStaleMs }))
  const rig = createRig(test, { clock, backend, rules, random })
  rig.refresher.start()
  /** How many calls there were in each second from `since` on. */
  const perSecond = (since: number): number[] => {
    const counts = Array<number>(Math.ceil((clock.now() - since) / second) + 1).fill(0)
    for (const { at } of backend.calls) {
      const bucket = Math.floor((at - since) / second)
      if (bucket >= 0) counts[bucket] = (counts[bucket] ?? 0) + 1
    }
    return counts
  }
  return { ...rig, backend, rules, perSecond }
}

t.test('while a provider is down it is asked by one probe at a time, ever more slowly', async (t) => {
  const { clock, backend, events } = start(t)
  await clock.advance(10 * minute)
  backend.answer = () => unavailable()
  await clock.advance(10 * minute)
  t.match(events.of('breakerChanged'), [{ open: true, cause: 'unavailable' }])
  backend.calls.length = 0
  await clock.advance(day)
  // A gap of a minute with full jitter is half a minute in the mean.
  t.ok(backend.calls.length > 1_440 && backend.calls.length < 5_000, `${backend.calls.length} calls in a day`)
  const gaps = backend.times.slice(1).map((time, at) => time - (backend.times[at] ?? 0))
  t.ok(Math.max(...gaps) <= longestProbeGap + second, 'and is never forgotten')
  t.equal(new Set(backend.calls.map(({ key }) => key)).size, 100, 'by each of its secrets in turn')
})

t.test('recovery is noticed at the probe, and the others come back spread out', async (t) => {
  for (const seed of [1, 2, 3, 4, 5]) {
    const { clock, backend, rules, see, events, perSecond } = start(t, { random: lcg(seed) })
    await clock.advance(minute)
    backend.answer = () => unavailable()
    await clock.advance(30 * minute)
    backend.answer = good
    const back = clock.now()
    backend.calls.length = 0
    await clock.advance(longestProbeGap)
    t.equal(events.of('breakerChanged').at(-1)?.open, false)
    const closed = backend.times[0] ?? 0
    await clock.advance(150 * second)
    for (const { name } of rules) if (!see(name).startsWith('fresh')) t.fail(`${name} is ${see(name)}`)
    const counts = perSecond(back)
    const peak = Math.max(...counts)
    t.ok(
      peak <= 8,
      `${peak} calls in the worst second, of 100 secrets over 150 s (seed ${seed}, closed at ${closed})`,
    )
  }
})

t.test('what somebody is refused comes back within two seconds of the probe', async (t) => {
  const { clock, backend, see, events, rules } = start(t, { answer: unavailable, secrets: 20 })
  await clock.advance(10 * minute)
  t.equal(see('s0'), 'not-loaded')
  backend.answer = good
  while (events.of('breakerChanged').at(-1)?.open !== false) await clock.advance(100)
  await clock.advance(2 * second)
  for (const { name } of rules) t.equal(see(name), 'fresh CANARY-1')
})

t.test(
  'while a breaker is open, some secret of its source is always planned for when it lets a call through',
  async (t) => {
    for (const fault of [unavailable, denied]) {
      for (const secrets of [1, 2, 30]) {
        const { clock, backend, cache, rules } = start(t, { secrets, random: lcg(secrets) })
        await clock.advance(5 * minute)
        backend.answer = () => fault()
        await clock.advance(20 * minute)
        const longest = fault === denied ? longestProbeGapDenied : longestProbeGap
        for (let looked = 0; looked < 500; looked += 1) {
          const next = Math.min(...rules.map(({ name }) => cache.entry(name)?.attempts.nextAt ?? Number.NaN))
          if (!(next <= clock.now() + longest)) t.fail(`next at ${next}, now ${clock.now()}`)
          await clock.advance(7 * second)
        }
        const gaps = backend.times
          .slice(-20)
          .map((time, at, all) => (at === 0 ? 0 : time - (all[at - 1] ?? 0)))
        t.ok(Math.max(...gaps) <= longest + second, `${Math.max(...gaps)} ms without a call`)
      }
    }
  },
)

t.test(
  'a refusal of the breaker is no failure: nothing is counted, logged or backed off for it',
  async (t) => {
    const { clock, backend, events, refresher } = start(t, { secrets: 40 })
    await clock.advance(minute)
    backend.answer = () => unavailable()
    await clock.advance(hour)
    const calls = events.of('called').filter(({ outcome }) => outcome === 'unavailable').length
    t.equal(events.of('failed').length, calls, 'a line for each call, and none for what was no call')
    for (const { error } of events.of('failed')) t.not(error.reason, 'circuit-open')
    const explained = refresher.explain('s3')
    t.equal(explained?.breaker.state, 'open')
    t.ok(
      explained?.failures !== undefined && explained.failures < 12,
      `${explained?.failures} failures of its own`,
    )
    t.equal(explained?.lastError?.reason, 'refused', 'the error is the one of the provider')
  },
)

t.test('a value near its end is not left to the whole spread', async (t) => {
  const { clock, backend, cache } = start(t, { secrets: 20, maxStaleMs: 15 * minute, random: () => 0.9 })
  await clock.advance(minute)
  backend.answer = () => unavailable()
  await clock.advance(13 * minute)
  for (let at = 0; at < 20; at += 1) {
    const entry = cache.entry(`s${at}`)
    const end = (entry?.held?.confirmedAt ?? 0) + 15 * minute
    const nextAt = entry?.attempts.nextAt ?? Number.POSITIVE_INFINITY
    t.ok(nextAt < end, `planned ${end - nextAt} ms before its end`)
  }
})

t.test('a credential that is denied everywhere is tried slowly', async (t) => {
  const { clock, backend, events } = start(t)
  await clock.advance(minute)
  backend.answer = () => denied()
  await clock.advance(20 * minute)
  t.match(events.of('breakerChanged'), [{ open: true, cause: 'denied' }])
  backend.calls.length = 0
  await clock.advance(day)
  t.ok(backend.calls.length >= 144 && backend.calls.length <= 288, `${backend.calls.length} calls in a day`)
})

t.test('forced refreshes find out ahead of time that a provider is back', async (t) => {
  const { clock, backend, refresher, events } = start(t)
  await clock.advance(minute)
  backend.answer = () => unavailable()
  await clock.advance(30 * minute)
  backend.answer = good
  await clock.advance(second)
  t.equal(events.of('breakerChanged').at(-1)?.open, true)
  t.match(await refresher.refresh('s1'), { outcome: 'unchanged' })
  t.equal(events.of('breakerChanged').at(-1)?.open, false)
})

t.test(
  'a pattern secret that nobody holds is answered at once while the breaker is open, and had once it closes',
  async (t) => {
    const clock = new VirtualClock()
    const backend = new KeyBackend(clock, () => unavailable())
    const rules = [...Array.from({ length: 5 }, (_, at) => ruleOf(`s${at}`)), ruleOf('x/*')]
    const { refresher, cache, events } = createRig(t, { clock, backend, rules, random: lcg(4) })
    refresher.start()
    await clock.advance(5 * minute)
    backend.calls.length = 0
    const before = events.of('failed').length
    for (let at = 0; at < 500; at += 1) {
      const reading = await refresher.demand(`x/${at}`, second)
      t.match(reading, { kind: 'not-loaded', reason: /circuit|breaker|open/i })
      if (reading.kind === 'not-loaded' && reading.retryAfterMs > longestProbeGap)
        t.fail(`${reading.retryAfterMs}`)
    }
    t.equal(backend.calls.length, 0)
    t.equal(events.of('failed').length, before)
    t.equal(cache.stats().entries, 0)
    backend.answer = good
    await clock.advance(longestProbeGap)
    t.match(await refresher.demand('x/1', second), { kind: 'held' })
  },
)

t.test(
  'a provider that asks for fewer calls is not asked again by everybody in the same moment',
  async (t) => {
    const { clock, backend, perSecond } = start(t, { secrets: 200, refreshMs: hour })
    await clock.advance(10 * second)
    backend.answer = () => throttled(5 * minute)
    await clock.advance(10 * minute)
    backend.answer = good
    const since = clock.now()
    await clock.advance(5 * minute)
    t.ok(Math.max(...perSecond(since)) <= 8)
  },
)

t.test('a healthy backend is reached again within the bound that is written down', async (t) => {
  for (const [fault, gap] of [
    [unavailable, longestProbeGap],
    [denied, longestProbeGapDenied],
  ] as const) {
    for (const refreshMs of [10 * second, minute, hour]) {
      for (const seed of [1, 2, 3]) {
        const { clock, backend, rules, see } = start(t, {
          secrets: 8,
          refreshMs,
          maxStaleMs: 30 * day,
          random: lcg(seed),
        })
        await clock.advance(refreshMs)
        backend.answer = () => fault()
        await clock.advance(2 * refreshMs)
        backend.answer = () => fetched('CANARY-2')
        await clock.advance(longestRecovery(refreshMs, gap))
        for (const { name } of rules) if (see(name) !== 'fresh CANARY-2') t.fail(`${name} is ${see(name)}`)
      }
    }
  }
  await settle()
  t.pass('for every interval, fault and seed')
})
