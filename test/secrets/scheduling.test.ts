import t from 'tap'
import { refreshDelay } from '../../src/secrets/backoff.ts'
import type { Random } from '../../src/secrets/clock.ts'
import type { Rule } from '../../src/secrets/rules.ts'
import type { Answer } from '../support/heart-backend.ts'
import {
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
  'a refresh comes between 0.8 and 0.95 of the interval, as the injected randomness has it',
  async (t) => {
    for (const [random, share] of [
      [0, 0.8],
      [0.5, 0.875],
      [1 - 2 ** -53, 0.95],
    ] as const) {
      t.equal(Math.round(refreshDelay(minute, () => random)), minute * share)
      const { clock, backend } = start(t, good, { random: () => random })
      await clock.advance(hour)
      for (const gap of gaps(backend.times)) t.ok(Math.abs(gap - minute * share) < 0.001)
    }
    const { clock, backend } = start(t, good, { random: lcg(7) })
    await clock.advance(day)
    const all = gaps(backend.times)
    t.ok(all.every((gap) => gap >= 0.8 * minute && gap <= 0.95 * minute))
    t.ok(Math.max(...all) - Math.min(...all) > 0.14 * minute, 'spread over the whole of it')
  },
)

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
  for (const error of [
    unavailable(),
    throttled(),
    missing(),
    throttled(0),
    unavailable(-5),
    throttled(Number.NaN),
  ]) {
    const { clock, backend } = start(t, () => error, {
      random: lcg(3),
      rules: [ruleOf('db', { refreshMs: hour })],
    })
    await clock.advance(day)
    // Up to 5 min with full jitter: 2.5 min in the mean, and the few quick ones at the start.
    t.ok(backend.calls.length < 750 && backend.calls.length > 288, `${backend.calls.length} calls`)
  }
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
  t.match(events.of('failed')[0], { attempt: 1, nextTryMs: 500 })
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
    for (const gap of gaps(backend.times)) t.equal(Math.round(gap), interval * 0.875)
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
  t.equal(backend.callsFor('db'), 1 + Math.floor((5 * minute) / 8_750))
  t.equal(backend.callsFor('other'), 1)
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
  for (const gap of gaps(backend.times)) t.ok(gap >= 32 * second)
})

t.test('intervals of a year are waited out, through timers that Node can carry', async (t) => {
  const year = 365 * day
  const rules = [ruleOf('db', { refreshMs: year, maxStaleMs: 2 * year })]
  const { clock, backend, see } = start(t, good, { rules })
  await clock.advance(300 * day)
  t.equal(backend.calls.length, 1)
  t.equal(see('db'), 'fresh CANARY-db-password-1')
  await clock.advance(20 * day)
  t.equal(backend.calls.length, 2)
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
  for (const gap of gaps(backend.times)) t.equal(gap, 8_750)
})
