import t from 'tap'
import type { Answer } from '../support/heart-backend.ts'
import {
  fetched,
  KeyBackend,
  ListBackend,
  missing,
  throttled,
  unavailable,
} from '../support/heart-backend.ts'
import { createRig, inWords, minute, ruleOf, second } from '../support/heart-rig.ts'
import { settle, VirtualClock } from '../support/virtual-clock.ts'

const rules = [ruleOf('db'), ruleOf('app/*', { key: 'kv/*' })]

/** A backend whose answers the test gives when it likes. */
function startDeferred(test: Parameters<typeof createRig>[0]) {
  const clock = new VirtualClock()
  const answers: ((answer: Answer) => void)[] = []
  const backend = new KeyBackend(clock, () => {
    const { promise, resolve } = Promise.withResolvers<Answer>()
    answers.push(resolve)
    return promise
  })
  const rig = createRig(test, { clock, backend, rules })
  const answer = async (value: Answer): Promise<void> => {
    answers.shift()?.(value)
    await settle()
  }
  return { ...rig, backend, answer }
}

t.test('a thousand callers of a new pattern secret are one call', async (t) => {
  const { refresher, backend, answer } = startDeferred(t)
  const readings = Array.from({ length: 1_000 }, () => refresher.demand('app/token', second))
  await settle()
  t.same(
    backend.calls.map(({ key }) => key),
    ['kv/token'],
  )
  await answer(fetched('CANARY-token'))
  for (const reading of await Promise.all(readings)) t.equal(inWords(reading), 'fresh CANARY-token')
  t.equal(backend.calls.length, 1)
})

t.test("a caller's deadline ends its wait, not the fetch that others wait for", async (t) => {
  const { refresher, backend, answer, clock, see } = startDeferred(t)
  const hasty = refresher.demand('app/token', 100)
  const patient = refresher.demand('app/token', minute)
  await clock.advance(100)
  t.match(await hasty, { kind: 'not-loaded', retryAfterMs: second, reason: /no answer within 100 ms/ })
  t.notOk(backend.calls[0]?.signal.aborted)
  await answer(fetched('CANARY-token'))
  t.equal(inWords(await patient), 'fresh CANARY-token')
  t.equal(see('app/token'), 'fresh CANARY-token')
  t.equal(backend.calls.length, 1)
})

t.test('forced refreshes join the fetch that is under way, and each other', async (t) => {
  const { refresher, backend, answer } = startDeferred(t)
  refresher.start()
  await settle()
  const results = Array.from({ length: 100 }, () => refresher.refresh('db'))
  const all = refresher.refreshAll()
  await answer(fetched('CANARY-1'))
  for (const result of await Promise.all(results)) t.match(result, { outcome: 'rotated' })
  t.match(await all, [{ name: 'db', result: { outcome: 'rotated' } }])
  t.equal(backend.calls.length, 1)
})

t.test(
  'a forced refresh is a call of its own where none is under way, and takes the place of the planned one',
  async (t) => {
    const { refresher, backend, answer, clock } = startDeferred(t)
    refresher.start()
    await settle()
    await answer(fetched('CANARY-1'))
    await clock.advance(20 * second)
    const forced = refresher.refresh('db')
    await settle()
    await answer(fetched('CANARY-1'))
    t.match(await forced, { outcome: 'unchanged', status: { name: 'db', state: 'fresh' } })
    t.equal(backend.calls.length, 2)
    await clock.advance(27 * second)
    t.equal(backend.calls.length, 2, 'the planned one would have come at 27.54 s, 7.54 s after it')
    await clock.advance(second)
    t.equal(backend.calls.length, 3)
  },
)

t.test('a forced refresh that fails says so and keeps what is held', async (t) => {
  const { refresher, answer, see, clock } = startDeferred(t)
  refresher.start()
  await settle()
  await answer(fetched('CANARY-1'))
  await clock.advance(second)
  const forced = refresher.refresh('db')
  await settle()
  await answer(unavailable())
  t.match(await forced, { outcome: 'failed', error: { kind: 'unavailable' }, status: { state: 'fresh' } })
  t.equal(see('db'), 'fresh CANARY-1')
})

t.test('forcing what no rule names or what is missing is not found, alike', async (t) => {
  const { refresher, answer, backend } = startDeferred(t)
  t.same(await refresher.refresh('named-by-no-rule'), { outcome: 'not-found' })
  t.equal(backend.calls.length, 0)
  const forced = refresher.refresh('app/gone')
  await settle()
  await answer(missing())
  t.match(await forced, { outcome: 'not-found', said: { kind: 'missing', reason: 'not-found' } })
})

t.test(
  'a throttled backend is not called before its time, whoever wants it, for whichever key',
  async (t) => {
    const clock = new VirtualClock()
    let answer: Answer = throttled(minute)
    const backend = new KeyBackend(clock, () => answer)
    const { refresher, cache } = createRig(t, { clock, backend, rules })
    refresher.start()
    await clock.advance(0)
    t.equal(backend.calls.length, 1)
    t.match(await refresher.demand('app/token', second), { kind: 'not-loaded', retryAfterMs: minute })
    await clock.advance(20 * second)
    const error = { kind: 'throttled', retryAfterMs: 40 * second }
    t.match(await refresher.refresh('db'), { outcome: 'failed', error, status: { name: 'db' } })
    t.match(await refresher.refresh('app/token'), { outcome: 'failed', error })
    t.match(await refresher.refresh('app/other'), { outcome: 'failed', error })
    t.match(await refresher.demand('app/token', second), { kind: 'not-loaded', retryAfterMs: 40 * second })
    t.match(await refresher.refreshAll(), [{ name: 'db', result: { outcome: 'failed', error } }])
    t.equal(cache.read('db').kind, 'not-loaded')
    t.equal(backend.calls.length, 1, 'nobody got through')
    answer = fetched('CANARY-shared')
    await clock.advance(40 * second)
    t.match(await refresher.refresh('app/token'), { outcome: 'rotated' }, 'its time has come')
    t.equal(backend.callsFor('kv/token'), 1)
  },
)

t.test(
  'a provider that asks for fewer calls while many keys are due is asked for no more of them',
  async (t) => {
    const clock = new VirtualClock()
    const backend = new KeyBackend(clock, () => throttled(minute))
    const many = Array.from({ length: 40 }, (_, at) => ruleOf(`key-${at}`))
    const { refresher, events } = createRig(t, { clock, backend, rules: many })
    refresher.start()
    await clock.advance(0)
    t.equal(backend.calls.length, 8, 'those that were under way when it said so')
    t.equal(events.of('failed').length, 8, 'and no line for a call that was not made')
    await clock.advance(minute - 1)
    t.equal(backend.calls.length, 8)
    await clock.advance(10)
    t.ok(backend.calls.length <= 16, `${backend.calls.length} calls after its time`)
  },
)

t.test('a name that failed a moment ago costs no call until its backoff is over', async (t) => {
  const clock = new VirtualClock()
  const backend = new KeyBackend(clock, () => unavailable())
  const { refresher, events } = createRig(t, { clock, backend, rules })
  for (const [attempt, delay] of [500, 1_000, 2_000, 4_000].entries()) {
    t.match(await refresher.demand('app/token', second), { kind: 'not-loaded', retryAfterMs: delay })
    t.match(events.of('failed').at(-1), { attempt: attempt + 1, nextTryMs: delay, declared: false })
    await clock.advance(delay - 1)
    t.match(await refresher.demand('app/token', second), { kind: 'not-loaded', retryAfterMs: 1 })
    t.equal(backend.calls.length, attempt + 1)
    await clock.advance(1)
  }
})

t.test('a name under another rule of the same key joins the call that is under way', async (t) => {
  const clock = new VirtualClock()
  const { promise, resolve } = Promise.withResolvers<Answer>()
  const backend = new KeyBackend(clock, () => promise)
  const shared = [ruleOf('db', { key: 'kv/db' }), ruleOf('app/*', { key: 'kv/*' })]
  const { refresher, see } = createRig(t, { clock, backend, rules: shared })
  refresher.start()
  const reading = refresher.demand('app/db', second)
  await settle()
  resolve(fetched('CANARY-shared'))
  t.equal(inWords(await reading), 'fresh CANARY-shared')
  t.equal(see('db'), 'fresh CANARY-shared')
  t.equal(backend.calls.length, 1)
})

t.test(
  'who comes in the very moment in which a run ends gets a run of its own, not the one that is over',
  async (t) => {
    const clock = new VirtualClock()
    const backend = new KeyBackend(clock, () => fetched('CANARY-shared'))
    const shared = [ruleOf('db', { key: 'kv/db' }), ruleOf('app/*', { key: 'kv/*' })]
    const { refresher, events } = createRig(t, { clock, backend, rules: shared })
    const { promise: late, resolve } = Promise.withResolvers<string>()
    events.onEvent = ({ what }) => {
      if (what !== 'called') return
      events.onEvent = () => {}
      queueMicrotask(() => resolve(refresher.demand('app/db', second).then(inWords)))
    }
    refresher.start()
    t.equal(await late, 'fresh CANARY-shared')
  },
)

t.test('callers who ask again and again while a provider is down do not lengthen its backoff', async (t) => {
  const clock = new VirtualClock()
  const backend = new KeyBackend(clock, () => unavailable())
  // 500 ms, 1 s, 2 s: the half of the ceiling; the breaker of a source with two keys opens for failures of both.
  const rules = [ruleOf('db'), ruleOf('app/*', { key: 'kv/*' }), ruleOf('good')]
  backend.answer = (key) => (key === 'good' ? fetched('CANARY-good') : unavailable())
  const { refresher, events } = createRig(t, { clock, backend, rules })
  refresher.start()
  await clock.advance(0)
  for (let asked = 0; asked < 20; asked += 1) t.match(await refresher.refresh('db'), { outcome: 'failed' })
  t.equal(backend.callsFor('db'), 1, 'the one of this second')
  t.match(events.of('failed').at(-1), { attempt: 1, nextTryMs: 500 })
  await clock.advance(500)
  t.match(events.of('failed').at(-1), { attempt: 2, nextTryMs: 1_000 }, 'its own attempts do')
})

t.test(
  'a forced refresh costs at most a call a second, and between gives what the last one brought',
  async (t) => {
    const clock = new VirtualClock()
    let version = 0
    const backend = new KeyBackend(clock, () => {
      version += 1
      return fetched(`CANARY-${version}`, { version: `v${version}` })
    })
    const { refresher } = createRig(t, { clock, backend, rules })
    refresher.start()
    await settle()
    for (let tenths = 0; tenths < 100; tenths += 1) {
      const result = await refresher.refresh('db')
      t.match(result, { outcome: 'rotated', status: { version: `v${version}` } })
      await refresher.refreshAll()
      await clock.advance(100)
    }
    t.ok(backend.callsFor('db') <= 11, `${backend.callsFor('db')} calls in ten seconds`)
    t.ok(backend.callsFor('db') >= 10)
  },
)

t.test('a name that was not asked for by the last call of its key is', async (t) => {
  const clock = new VirtualClock()
  const backend = new KeyBackend(clock, () => fetched('CANARY-shared'))
  const shared = [ruleOf('db', { key: 'kv/db' }), ruleOf('app/*', { key: 'kv/*' })]
  const { refresher, see } = createRig(t, { clock, backend, rules: shared })
  refresher.start()
  await settle()
  t.match(await refresher.refresh('app/db'), { outcome: 'rotated' })
  t.equal(see('app/db'), 'fresh CANARY-shared')
  t.equal(backend.calls.length, 2)
})

t.test('a name that is missing is forced once a second too, and leaves nothing behind', async (t) => {
  const clock = new VirtualClock()
  const backend = new KeyBackend(clock, (key) => (key === 'db' ? fetched('CANARY-db') : missing()))
  const { refresher } = createRig(t, { clock, backend, rules })
  refresher.start()
  await settle()
  for (let asked = 0; asked < 5; asked += 1) {
    const result = await refresher.refresh('app/gone')
    t.match(result, { outcome: 'not-found', said: { kind: 'missing', reason: 'not-found' } })
  }
  t.equal(backend.callsFor('kv/gone'), 1)
  await clock.advance(minute)
  t.same(
    (await refresher.refreshAll()).map(({ name }) => name),
    ['db'],
  )
  t.equal(backend.callsFor('kv/gone'), 1)
})

t.test('a list that fails is not asked again by readers before its backoff is over', async (t) => {
  const clock = new VirtualClock()
  const backend = new ListBackend(clock, () => unavailable(30 * second))
  const { refresher } = createRig(t, { clock, backend, rules })
  refresher.start()
  const first = refresher.demand('app/token', second)
  t.match(await first, { kind: 'not-loaded', retryAfterMs: 30 * second })
  await clock.advance(10 * second)
  t.match(await refresher.demand('app/token', second), { kind: 'not-loaded', retryAfterMs: 20 * second })
  t.equal(backend.calls.length, 1)
})

t.test(
  'who waited for a list that asks for a year is told of the hour after which it is tried',
  async (t) => {
    const clock = new VirtualClock()
    const backend = new ListBackend(clock, () => throttled(365 * 24 * 60 * minute))
    const { refresher } = createRig(t, { clock, backend, rules })
    refresher.start()
    t.match(await refresher.demand('app/token', second), { kind: 'not-loaded', retryAfterMs: 60 * minute })
  },
)
