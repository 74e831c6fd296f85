import t from 'tap'
import { Rules } from '../../src/secrets/rules.ts'
import type { Answer } from '../support/heart-backend.ts'
import { denied, fetched, KeyBackend, ListBackend, missing, unavailable } from '../support/heart-backend.ts'
import { createRig, day, hour, minute, ruleOf, second } from '../support/heart-rig.ts'
import { VirtualClock } from '../support/virtual-clock.ts'

function start(test: Parameters<typeof createRig>[0], answer: (key: string) => Answer | Promise<Answer>) {
  const clock = new VirtualClock()
  const backend = new KeyBackend(clock, answer)
  const rig = createRig(test, { clock, backend, rules: [ruleOf('db'), ruleOf('app/*', { key: 'kv/*' })] })
  rig.refresher.start()
  return { ...rig, backend }
}

t.test('while all is well there is one load, and then nothing but the calls', async (t) => {
  const { clock, events, backend } = start(t, () => fetched('CANARY-1', { version: 'v1' }))
  await clock.advance(day)
  t.match(events.notable, [
    { what: 'loaded', secret: 'db', provider: 'p', version: 'v1', declared: true },
    { what: 'stateChanged', secret: 'db', provider: 'p', declared: true, from: 'not-loaded', to: 'fresh' },
  ])
  const calls = events.of('called')
  t.equal(calls.length, backend.calls.length)
  t.same(
    calls.slice(0, 3).map(({ outcome }) => outcome),
    ['ok', 'unchanged', 'unchanged'],
  )
})

t.test(
  'each failed run is told once, with its attempt and the time of the next; the recovery once',
  async (t) => {
    let answer: Answer = fetched('CANARY-1')
    const { clock, events, backend } = start(t, () => answer)
    await clock.advance(0)
    answer = unavailable()
    events.clear()
    await clock.advance(10 * minute)
    const failed = events.of('failed')
    t.equal(failed.length, backend.calls.length - 1)
    for (const [at, { attempt, nextTryMs, secrets, declared }] of failed.entries()) {
      t.equal(attempt, at + 1)
      t.same(secrets, ['db'])
      t.equal(declared, true)
      const gap = (backend.times[at + 2] ?? Number.NaN) - (backend.times[at + 1] ?? 0)
      if (at + 2 < backend.times.length) t.equal(nextTryMs, gap, 'the next try came when it was said')
    }
    t.same(events.of('recovered'), [])
    answer = fetched('CANARY-1')
    await clock.advance(hour)
    t.match(events.of('recovered'), [{ provider: 'p', secrets: ['db'], attempts: failed.length }])
    t.equal(events.of('failed').length, failed.length)
  },
)

t.test('states change by time alone while the backend is down, and each change is told once', async (t) => {
  let answer: Answer | Promise<Answer> = fetched('CANARY-1')
  const { clock, events } = start(t, () => answer)
  await clock.advance(0)
  answer = new Promise<Answer>(() => {})
  const told: [string, string, number][] = []
  events.onEvent = (event) => {
    if (event.what === 'stateChanged') told.push([event.from, event.to, clock.now()])
  }
  await clock.advance(day)
  t.same(told, [
    ['fresh', 'stale', minute + 1],
    ['stale', 'expired', hour + 1],
  ])
  answer = fetched('CANARY-1')
  await clock.advance(10 * minute)
  t.match(told.slice(2), [['expired', 'fresh']])
})

t.test('what is missing and comes back is told as a change of state, not as a failure', async (t) => {
  let answer: Answer = fetched('CANARY-1')
  const { clock, events } = start(t, () => answer)
  await clock.advance(0)
  answer = missing()
  await clock.advance(10 * minute)
  answer = fetched('CANARY-2')
  await clock.advance(minute)
  t.same(
    events.of('stateChanged').map(({ from, to }) => `${from} ${to}`),
    ['not-loaded fresh', 'fresh missing', 'missing fresh'],
  )
  t.same(events.of('failed'), [])
  t.same(events.of('recovered'), [])
})

t.test('how calls ended and how long they took is told of each', async (t) => {
  const answers: (Answer | undefined)[] = [
    unavailable(),
    denied(),
    missing(),
    fetched('CANARY-1'),
    fetched('CANARY-1'),
  ]
  const clock = new VirtualClock()
  const backend = new KeyBackend(clock, () => {
    const { promise, resolve } = Promise.withResolvers<Answer>()
    clock.setTimer(() => resolve(answers.shift() ?? fetched('CANARY-2')), 250)
    return promise
  })
  const { refresher, events } = createRig(t, { clock, backend, rules: [ruleOf('db')] })
  refresher.start()
  await clock.advance(4 * minute)
  t.same(
    events
      .of('called')
      .map(({ outcome }) => outcome)
      .slice(0, 6),
    ['unavailable', 'denied', 'missing', 'ok', 'unchanged', 'ok'],
  )
  t.ok(events.of('called').every(({ durationMs }) => durationMs === 250))
})

t.test('a call that serves many keys is told as one, however many of them are still wanted', async (t) => {
  const clock = new VirtualClock()
  let calls = 0
  const backend = {
    batchSize: 100,
    fetch: async (keys: readonly string[]) => {
      calls += 1
      return new Map(keys.map((key) => [key, calls % 3 === 0 ? unavailable() : fetched('CANARY-1')]))
    },
  }
  const rules = Array.from({ length: 50 }, (_, at) => ruleOf(`s${at}`))
  const { refresher, cache, sources, events } = createRig(t, { clock, backend, rules })
  refresher.start()
  // The first of them goes while the call waits for others.
  const fewer = new Rules(rules.slice(1))
  cache.apply({ rules: fewer, maxEntries: 1, maxBytes: 1, missingTtlMs: second })
  refresher.apply({ rules: fewer, sources })
  await clock.advance(10)
  t.match(events.of('called'), [{ provider: 'p', outcome: 'ok' }])
  await clock.advance(hour)
  t.ok(calls > 60, `${calls} calls`)
  t.equal(events.of('called').length, calls)
})

t.test('a failed first fetch of a name that a caller chose is told as such', async (t) => {
  const { clock, events, refresher } = start(t, (key) =>
    key === 'db' ? fetched('CANARY-db') : unavailable(),
  )
  await clock.advance(0)
  events.clear()
  await refresher.demand('app/chosen', second)
  t.match(events.notable, [
    { what: 'failed', secrets: ['app/chosen'], attempt: 1, nextTryMs: 500, declared: false },
  ])
  await clock.advance(minute)
  t.equal(events.of('failed').length, 1, 'nobody asks, so nothing is tried')
})

t.test('one event names no more than ten of the secrets that wait', async (t) => {
  const clock = new VirtualClock()
  const backend = new ListBackend(clock, () => unavailable())
  const rules = Array.from({ length: 1_000 }, (_, at) => ruleOf(`s${at}`))
  const { refresher, events } = createRig(t, { clock, backend, rules })
  refresher.start()
  await clock.advance(0)
  t.equal(events.of('failed').length, 1)
  t.equal(events.of('failed')[0]?.secrets.length, 10)
})

t.test('no event carries a value', async (t) => {
  let round = 0
  const { clock, events, refresher } = start(t, () => {
    round += 1
    return round % 3 === 0
      ? unavailable()
      : fetched(`CANARY-${round}`, round % 2 === 0 ? { version: `v${round}` } : {})
  })
  await refresher.demand('app/token', second)
  await clock.advance(hour)
  t.ok(events.of('rotated').length > 5)
  t.notMatch(JSON.stringify(events.all), 'CANARY-')
})
