import t from 'tap'
import { firstRefreshDelay, refreshDelay } from '../../src/secrets/backoff.ts'
import type { Random } from '../../src/secrets/clock.ts'
import type { Rule } from '../../src/secrets/rules.ts'
import type { Answer } from '../support/heart-backend.ts'
import {
  denied,
  fetched,
  KeyBackend,
  ListBackend,
  missing,
  throttled,
  unavailable,
} from '../support/heart-backend.ts'
import { createRig, day, hour, minute, ruleOf, second } from '../support/heart-rig.ts'
import { VirtualClock } from '../support/virtual-clock.ts'

const good = (): Answer => fetched('CANARY-db-password-1')

function start(
  test: Parameters<typeof createRig>[0],
  answer: (key: string) => Answer | Promise<Answer>,
  more: { rules?: Rule[]; random?: Random } = {},
) {
  const clock = new VirtualClock()
  const backend = new KeyBackend(clock, answer)
  const { random = () => 0.5, rules = [ruleOf('db')] } = more
  const rig = createRig(test, { clock, backend, rules, random })
  rig.refresher.start()
  return { ...rig, backend }
}

/** The same sequence at each run, spread over [0, 1). */
function lcg(seed: number): Random {
  let state = seed
  return () => {
    state = (state * 1_664_525 + 1_013_904_223) % 2 ** 32
    return state / 2 ** 32
  }
}

const gaps = (times: readonly number[]): number[] => times.slice(1).map((time, at) => time - (times[at] ?? 0))

t.test(
  'the first refresh comes anywhere in the interval, later ones between 0.81 and 0.99 of it, as the randomness has it',
  async (t) => {
    for (const [random, first, later] of [
      [0, 0.018, 0.81],
      [0.5, 0.459, 0.9],
      [1 - 2 ** -53, 0.9, 0.99],
    ] as const) {
      t.equal(Math.round(firstRefreshDelay(minute, () => random)), minute * first)
      t.equal(Math.round(refreshDelay(minute, () => random)), minute * later)
      const { clock, backend } = start(t, good, { random: () => random })
      await clock.advance(hour)
      const [before = 0, ...after] = gaps(backend.times)
      t.ok(Math.abs(before - minute * first) < 0.001)
      for (const gap of after) t.ok(Math.abs(gap - minute * later) < 0.001)
    }
    const { clock, backend } = start(t, good, { random: lcg(7) })
    await clock.advance(day)
    const all = gaps(backend.times).slice(1)
    t.ok(all.every((gap) => gap >= 0.81 * minute && gap <= 0.99 * minute))
    t.ok(Math.max(...all) - Math.min(...all) > 0.17 * minute, 'spread over the whole of it')
  },
)

t.test('secrets that were fetched together are not refreshed together', async (t) => {
  const rules = Array.from({ length: 200 }, (_, at) => ruleOf(`s${at}`))
  const { clock, backend } = start(t, good, { rules, random: lcg(5) })
  await clock.advance(3 * second)
  backend.calls.length = 0
  for (let interval = 0; interval < 5; interval += 1) {
    const before = backend.calls.length
    await clock.advance(0.9 * minute)
    const perSixth = Array<number>(6).fill(0)
    for (const { at } of backend.calls.slice(before)) {
      const share = ((at - 3 * second) / (0.9 * minute)) % 1
      perSixth[Math.floor(share * 6)] = (perSixth[Math.floor(share * 6)] ?? 0) + 1
    }
    t.ok(Math.max(...perSixth) < 70, `${perSixth} calls in each sixth of interval ${interval}`)
  }
})

t.test('a throttled backend is not called before its time, then it is', async (t) => {
  let answer: Answer = throttled(20 * minute)
  const { clock, backend, cache } = start(t, () => answer)
  await clock.advance(0)
  t.match(cache.read('db'), { kind: 'not-loaded', retryAfterMs: 20 * minute })
  answer = good()
  await clock.advance(20 * minute - 1)
  t.equal(backend.calls.length, 1)
  await clock.advance(1)
  t.same(backend.times, [0, 20 * minute])
})

t.test('a backend that asks to be left alone for a year is asked again within the hour', async (t) => {
  const { clock, backend } = start(t, () => throttled(365 * day))
  await clock.advance(3 * hour)
  t.same(backend.times, [0, hour, 2 * hour, 3 * hour])
})

t.test('no fault makes a hot loop: calls in a day stay few', async (t) => {
  // Full jitter is half of the ceiling in the mean: five minutes where the backend has said that there is nothing,
  // 30 s while somebody is refused what the configuration names, and what the breaker lets through of that (60 s).
  for (const [error, most] of [
    [missing(), 750],
    [unavailable(), 3_600],
    [unavailable(-5), 3_600],
    [throttled(), 6_600],
    [throttled(0), 6_600],
    [throttled(Number.NaN), 6_600],
    [denied(), 250],
  ] as const) {
    const { clock, backend } = start(t, () => error, {
      random: lcg(3),
      rules: [ruleOf('db', { refreshMs: hour })],
    })
    await clock.advance(day)
    const calls = backend.calls.length
    t.ok(calls < most && calls > most / 3, `${calls} calls for ${error.kind}`)
  }
})

t.test('a secret that is held meanwhile has its backend left alone for longer', async (t) => {
  let answer: Answer = good()
  const rules = [ruleOf('db', { refreshMs: hour, maxStaleMs: 2 * day })]
  const { clock, backend } = start(t, () => answer, { rules, random: lcg(3) })
  await clock.advance(hour)
  answer = throttled()
  await clock.advance(hour)
  backend.calls.length = 0
  await clock.advance(day)
  t.ok(backend.calls.length < 750 && backend.calls.length > 288, `${backend.calls.length} calls`)
})

t.test('before a value expires there is always time for another attempt', async (t) => {
  let answer: Answer = good()
  const rules = [ruleOf('db', { refreshMs: hour, maxStaleMs: 2 * hour })]
  const { clock, backend, cache } = start(t, () => answer, { rules, random: () => 0.999 })
  await clock.advance(0)
  answer = throttled()
  await clock.advance(2 * hour - 1)
  const end = 2 * hour
  for (const [at, time] of backend.times.entries()) {
    const next = backend.times[at + 1] ?? cache.entry('db')?.attempts.nextAt ?? 0
    if (at > 0 && end - time > 2 * second)
      t.ok(next - time <= (end - time) / 2 + 1, `${next - time} at ${time}`)
  }
  t.ok(backend.times.length > 20)
})

t.test('the first retries come soon, so that a short hiccup is short', async (t) => {
  let answer: Answer = unavailable()
  const { clock, backend, see } = start(t, () => answer, { rules: [ruleOf('db', { refreshMs: hour })] })
  await clock.advance(499)
  t.equal(backend.calls.length, 1)
  answer = good()
  await clock.advance(1)
  t.equal(see('db'), 'fresh CANARY-db-password-1')
})

t.test('after a success the backoff begins anew', async (t) => {
  let answer: Answer = unavailable()
  const { clock, events } = start(t, () => answer)
  await clock.advance(10 * minute)
  answer = good()
  await clock.advance(2 * minute)
  events.clear()
  answer = unavailable()
  await clock.advance(minute)
  t.match(events.of('failed')[0], { attempt: 1, nextTryMs: 4 * second })
})

t.test('a retry comes within a second where somebody is refused, within 8 s where nobody is', async (t) => {
  const never = start(t, () => unavailable(), { random: () => 1 - 2 ** -53 })
  await never.clock.advance(10 * second)
  t.same(gaps(never.backend.times).map(Math.round), [second, 2 * second, 4 * second])
  let answer: Answer = good()
  const rules = [ruleOf('db', { refreshMs: hour, maxStaleMs: day })]
  const held = start(t, () => answer, { rules, random: () => 1 - 2 ** -53 })
  await held.clock.advance(minute)
  answer = throttled(0)
  await held.clock.advance(hour)
  const retries = gaps(held.backend.times).slice(1, 5).map(Math.round)
  t.same(retries, [8 * second, 16 * second, 32 * second, 64 * second])
})

t.test("a provider's ttl shortens the interval, never lengthens it, and never to nothing", async (t) => {
  for (const [ttlMs, interval] of [
    [10 * second, 10 * second],
    [hour, minute],
    [0, second],
    [-7, second],
  ] as const) {
    const { clock, backend } = start(t, () => fetched('CANARY-short-lived', { ttlMs }))
    await clock.advance(10 * minute)
    for (const gap of gaps(backend.times).slice(1)) t.equal(Math.round(gap), interval * 0.9)
  }
})

t.test('with a ttl, a value turns stale when the ttl is over', async (t) => {
  let answer: Answer = fetched('CANARY-short-lived', { ttlMs: 10 * second })
  const { clock, see } = start(t, () => answer)
  await clock.advance(0)
  answer = unavailable()
  await clock.advance(10 * second)
  t.equal(see('db'), 'fresh CANARY-short-lived')
  await clock.advance(1)
  t.equal(see('db'), 'stale CANARY-short-lived')
})

t.test('names that share a key share a call, at the pace of the shortest interval', async (t) => {
  const rules = [
    ruleOf('user', { key: 'db', field: 'user', refreshMs: hour }),
    ruleOf('password', { key: 'db', field: '/password', refreshMs: 10 * second }),
    ruleOf('whole', { key: 'db', refreshMs: minute }),
    ruleOf('other', { refreshMs: hour }),
  ]
  const value = '{"user":"CANARY-user","password":"CANARY-password"}'
  const { clock, backend, see } = start(t, () => fetched(value), { rules })
  await clock.advance(5 * minute)
  t.equal(see('user'), 'fresh CANARY-user')
  t.equal(see('password'), 'fresh CANARY-password')
  t.equal(see('whole'), `fresh ${value}`)
  t.equal(backend.callsFor('db'), 2 + Math.floor((5 * minute - 4_590) / 9_000))
  t.equal(backend.callsFor('other'), 1)
})

t.test('one bad key neither delays the others nor has them fetched again', async (t) => {
  const rules = Array.from({ length: 20 }, (_, at) => ruleOf(`s${at}`))
  const answer = (key: string): Answer => (key === 's7' ? unavailable() : good())
  const bad = start(t, answer, { rules, random: lcg(9) })
  await bad.clock.advance(2 * hour)
  for (const { name } of rules) {
    if (name === 's7') t.equal(bad.see(name), 'not-loaded')
    else t.equal(bad.see(name), 'fresh CANARY-db-password-1')
    const calls = bad.backend.callsFor(name)
    if (name !== 's7') t.ok(calls >= 2 * 60 && calls <= 2 * 76, `${calls} calls for ${name}`)
  }
  t.ok(bad.backend.callsFor('s7') > 200, 'and it is tried again by itself')
  t.same(bad.events.of('breakerChanged'), [])
})

t.test('what one batch brought comes due together, and stays one batch', async (t) => {
  const clock = new VirtualClock()
  const calls: number[] = []
  const backend = {
    batchSize: 100,
    fetch: async (keys: readonly string[]) => {
      calls.push(keys.length)
      return new Map(keys.map((key) => [key, good()]))
    },
  }
  const rules = Array.from({ length: 50 }, (_, at) => ruleOf(`s${at}`))
  const { refresher } = createRig(t, { clock, backend, rules, random: lcg(13) })
  refresher.start()
  await clock.advance(hour)
  t.ok(calls.length >= 60 && calls.length <= 76, `${calls.length} calls in an hour`)
  t.ok(calls.every((keys) => keys === 50))
})

t.test('a field that is not there fails its own name, not the others of the key', async (t) => {
  const rules = [ruleOf('user', { key: 'db', field: 'user' }), ruleOf('nope', { key: 'db', field: 'nope' })]
  const { clock, cache, see } = start(t, () => fetched('{"user":"CANARY-user"}'), { rules })
  await clock.advance(2 * minute)
  t.equal(see('user'), 'fresh CANARY-user')
  t.match(cache.read('nope'), { kind: 'not-loaded', reason: /no JSON with a field "nope"/ })
})

t.test('a field that is gone keeps what is held: a mistake rather than a deletion', async (t) => {
  let value = '{"user":"CANARY-user"}'
  const rules = [ruleOf('user', { key: 'db', field: 'user' })]
  const { clock, see } = start(t, () => fetched(value), { rules })
  await clock.advance(0)
  for (const broken of ['{"User":"CANARY-user"}', 'CANARY-no-json', '"CANARY-text"', '[]', '']) {
    value = broken
    await clock.advance(minute)
    t.match(see('user'), 'CANARY-user')
  }
})

t.test('a slow but healthy backend never lets a secret turn stale', async (t) => {
  const clock = new VirtualClock()
  const backend = new KeyBackend(clock, () => {
    const { promise, resolve } = Promise.withResolvers<Answer>()
    clock.setTimer(() => resolve(good()), second)
    return promise
  })
  const rules = [ruleOf('db', { refreshMs: 10 * second })]
  for (const random of [() => 0, () => 0.999, lcg(11)]) {
    const { refresher, events } = createRig(t, { clock, backend, rules, random })
    refresher.start()
    await clock.advance(hour)
    t.same(
      events.of('stateChanged').map(({ to }) => to),
      ['fresh'],
    )
  }
})

t.test('a backend slower than the interval is left a pause between two calls', async (t) => {
  const clock = new VirtualClock()
  const backend = new KeyBackend(clock, () => {
    const { promise, resolve } = Promise.withResolvers<Answer>()
    clock.setTimer(() => resolve(good()), 30 * second)
    return promise
  })
  const { refresher } = createRig(t, { clock, backend, rules: [ruleOf('db', { refreshMs: 10 * second })] })
  refresher.start()
  await clock.advance(hour)
  for (const gap of gaps(backend.times).slice(1)) t.ok(gap >= 32 * second)
})

t.test('intervals of a year are waited out, through timers that Node can carry', async (t) => {
  const year = 365 * day
  const rules = [ruleOf('db', { refreshMs: year, maxStaleMs: 2 * year })]
  const { clock, backend, see } = start(t, good, { rules })
  await clock.advance(0.459 * year - day)
  t.equal(backend.calls.length, 1)
  t.equal(see('db'), 'fresh CANARY-db-password-1')
  await clock.advance(2 * day)
  t.equal(backend.calls.length, 2)
  await clock.advance(0.9 * year - 2 * day)
  t.equal(backend.calls.length, 2)
  await clock.advance(2 * day)
  t.equal(backend.calls.length, 3)
})

t.test('what is required is asked for first, however many others there are', async (t) => {
  const rules = Array.from({ length: 100 }, (_, at) => ruleOf(`s${at}`, { required: at % 20 === 19 }))
  const { clock, backend } = start(t, () => new Promise<Answer>(() => {}), { rules })
  await clock.advance(0)
  const first = backend.calls.map(({ key }) => key)
  t.same(first.slice(0, 5), ['s19', 's39', 's59', 's79', 's99'])
  t.equal(first.length, 8, 'and no more at a time than a backend should bear')
})

t.test('a list is asked for at the pace of the shortest interval that it serves', async (t) => {
  const clock = new VirtualClock()
  const backend = new ListBackend(clock, () => new Map([['a', good()]]))
  const rules = [ruleOf('a', { refreshMs: hour }), ruleOf('x/*', { key: '*', refreshMs: 10 * second })]
  const { refresher } = createRig(t, { clock, backend, rules })
  refresher.start()
  await clock.advance(minute)
  for (const gap of gaps(backend.times).slice(1)) t.equal(gap, 9_000)
})

t.test(
  'a required secret that is missing is asked for at least every 30 s, one that is not every 5 min',
  async (t) => {
    for (const [required, longest] of [
      [true, 30 * second],
      [false, 5 * minute],
    ] as const) {
      const rules = [ruleOf('db', { required, refreshMs: hour, maxStaleMs: day })]
      const { clock, backend } = start(t, missing, { rules, random: () => 1 - 2 ** -53 })
      await clock.advance(day)
      t.equal(Math.round(Math.max(...gaps(backend.times))), longest)
    }
  },
)
