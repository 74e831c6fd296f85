import t from 'tap'
import type { Rule } from '../../src/secrets/rules.ts'
import type { Answer, Listing } from '../support/heart-backend.ts'
import { denied, fetched, ListBackend, throttled, unavailable } from '../support/heart-backend.ts'
import { createRig, hour, inWords, minute, ruleOf, second } from '../support/heart-rig.ts'
import { settle, VirtualClock } from '../support/virtual-clock.ts'

function start(test: Parameters<typeof createRig>[0], rules: Rule[], list: () => Listing | Promise<Listing>) {
  const clock = new VirtualClock()
  const backend = new ListBackend(clock, list)
  const rig = createRig(test, { clock, backend, rules })
  rig.refresher.start()
  return { ...rig, backend }
}

const listing = (...keys: string[]): Map<string, Answer> =>
  new Map(keys.map((key) => [key, fetched(`CANARY-${key}`)]))

t.test('one call serves all secrets of the provider, declared and discovered', async (t) => {
  const rules = [...Array.from({ length: 100 }, (_, at) => ruleOf(`s${at}`)), ruleOf('x/*', { key: 'x*' })]
  const keys = Array.from({ length: 100 }, (_, at) => `s${at}`)
  const { clock, backend, cache, see } = start(t, rules, () => listing(...keys, 'x1', 'x2', 'unasked'))
  await clock.advance(0)
  t.equal(backend.calls.length, 1)
  t.equal(cache.stats().entries, 102)
  t.equal(see('s99'), 'fresh CANARY-s99')
  t.equal(see('x/2'), 'fresh CANARY-x2')
  t.equal(see('unasked'), 'not-found')
  t.equal(cache.statuses().filter(({ declared }) => !declared).length, 2)
  const ofX = cache.statuses((name) => name.startsWith('x/')).map(({ name }) => name)
  t.strictSame(ofX, ['x/1', 'x/2'], 'only what somebody wants to hear of')
  await clock.advance(hour)
  t.equal(backend.calls.length, 2 + Math.floor((hour - 0.459 * minute) / (0.9 * minute)))
  t.equal(backend.mostUnderWay, 1)
})

t.test('the most specific rule wins a name, and a declared one beats every pattern', async (t) => {
  const rules = [
    ruleOf('*', { key: 'all-*' }),
    ruleOf('db/*', { key: 'db-*' }),
    ruleOf('db/prod/*', { key: 'prod-*' }),
    ruleOf('db/prod/main', { key: 'main' }),
  ]
  const keys = [
    'all-db/x',
    'all-db/prod/x',
    'all-db/prod/main',
    'all-y',
    'db-x',
    'db-prod/main',
    'prod-x',
    'prod-main',
  ]
  const { clock, cache, see } = start(t, rules, () => listing(...keys, 'main'))
  await clock.advance(0)
  t.equal(see('y'), 'fresh CANARY-all-y')
  t.equal(see('db/x'), 'fresh CANARY-db-x')
  t.equal(see('db/prod/x'), 'fresh CANARY-prod-x')
  t.equal(see('db/prod/main'), 'fresh CANARY-main')
  t.equal(cache.statuses().length, 4)
})

t.test('a secret that vanishes from the list is dropped, the others stay', async (t) => {
  let list = listing('a', 'b', 'x1', 'x2')
  const { clock, see, events } = start(
    t,
    [ruleOf('a'), ruleOf('b'), ruleOf('x/*', { key: 'x*' })],
    () => list,
  )
  await clock.advance(0)
  list = listing('a', 'x1')
  await clock.advance(minute)
  t.same(['a', 'b', 'x/1', 'x/2'].map(see), ['fresh CANARY-a', 'not-found', 'fresh CANARY-x1', 'not-found'])
  const gone = events.of('stateChanged').filter(({ to }) => to === 'missing')
  t.match(gone, [
    { secret: 'b', from: 'fresh', declared: true },
    { secret: 'x/2', from: 'fresh', declared: false },
  ])
  list = listing('a', 'b', 'x1', 'x2')
  await clock.advance(minute)
  t.equal(see('b'), 'fresh CANARY-b')
  t.equal(see('x/2'), 'fresh CANARY-x2')
})

t.test('a list that fails as a whole drops nothing', async (t) => {
  let list: Listing = listing('a', 'x1')
  const { clock, see } = start(t, [ruleOf('a'), ruleOf('x/*', { key: 'x*' })], () => list)
  await clock.advance(0)
  for (const error of [unavailable(), denied(), throttled()]) {
    list = error
    await clock.advance(minute)
    t.match(see('a'), 'CANARY-a')
    t.match(see('x/1'), 'CANARY-x1')
  }
  await clock.advance(hour)
  t.equal(see('x/1'), 'expired')
})

t.test('a failure is the first one, however long a declared secret has been missing', async (t) => {
  let list: Listing = listing('a')
  const { clock, backend, events } = start(t, [ruleOf('a'), ruleOf('never-there')], () => list)
  await clock.advance(hour)
  t.ok(backend.calls.length > 30, 'it was asked for again and again')
  t.same(events.of('failed'), [])
  list = unavailable()
  await clock.advance(minute)
  t.match(events.of('failed').slice(0, 2), [
    { attempt: 1, nextTryMs: 4 * second },
    { attempt: 2, nextTryMs: 8 * second },
  ])
  list = listing('a')
  const calls = backend.calls.length
  await clock.advance(hour)
  t.match(events.of('recovered'), [{ attempts: events.of('failed').length }])
  t.ok(backend.calls.length - calls < 130, 'a failure does not make it ask more often for what is missing')
})

t.test(
  'a list that never came is asked for soon, since whoever wants one of its secrets is refused',
  async (t) => {
    const rules = [ruleOf('x/*', { key: 'x*', refreshMs: hour })]
    let list: Listing = throttled(0)
    const { clock, backend } = start(t, rules, () => list)
    await clock.advance(hour)
    const gaps = backend.times.slice(1).map((time, at) => Math.round(time - (backend.times[at] ?? 0)))
    t.same(
      gaps.slice(0, 6),
      [0.5, 1, 2, 4, 8, 15].map((seconds) => seconds * second),
    )
    t.equal(Math.max(...gaps), 15 * second, 'half of thirty seconds')
    list = listing('x1')
    await clock.advance(15 * second)
    list = throttled(0)
    await clock.advance(hour)
    backend.calls.length = 0
    await clock.advance(hour)
    t.ok(backend.calls.length < 25, `${backend.calls.length} calls in an hour once it had come`)
  },
)

t.test('one bad key disturbs neither the others nor the discovery of new ones', async (t) => {
  let list = new Map<string, Answer>([
    ['a', fetched('CANARY-a')],
    ['bad', denied()],
    ['x1', fetched('CANARY-x1')],
  ])
  const rules = [
    ruleOf('a'),
    ruleOf('bad'),
    ruleOf('shape', { key: 'a', field: 'nope' }),
    ruleOf('x/*', { key: 'x*' }),
  ]
  const { clock, cache, see, refresher } = start(t, rules, () => list)
  await clock.advance(0)
  t.match(cache.read('bad'), { kind: 'not-loaded', reason: 'the backend denies the credential' })
  t.match(cache.read('shape'), { kind: 'not-loaded', reason: /no JSON/ })
  // The next list comes at its interval: here the last sweep is no longer remembered.
  await clock.advance(26.5 * second)
  list = new Map([...list, ['x2', fetched('CANARY-x2')]])
  t.equal(inWords(await refresher.demand('x/2', second)), 'fresh CANARY-x2')
  for (let minutes = 0; minutes < 120; minutes += 1) {
    await clock.advance(minute)
    t.equal(see('a'), 'fresh CANARY-a')
    t.equal(see('x/1'), 'fresh CANARY-x1')
  }
})

t.test('a bad key keeps what is held of it, by the table', async (t) => {
  let answer: Answer = fetched('CANARY-x1')
  const { clock, see } = start(t, [ruleOf('x/*', { key: 'x*' })], () => new Map([['x1', answer]]))
  await clock.advance(0)
  answer = denied()
  await clock.advance(minute + 1)
  t.equal(see('x/1'), 'stale CANARY-x1')
  await clock.advance(hour)
  t.equal(see('x/1'), 'expired')
})

t.test(
  'a pattern secret that is listed but cannot be had is not loaded, which is not the same as missing',
  async (t) => {
    let answer: Answer = denied()
    const { clock, cache, see, refresher } = start(
      t,
      [ruleOf('x/*', { key: 'x*' })],
      () => new Map([['x1', answer]]),
    )
    await clock.advance(0)
    const told = { kind: 'not-loaded', reason: 'the backend denies the credential', retryAfterMs: 27_540 }
    t.match(cache.read('x/1'), told)
    t.match(await refresher.demand('x/1', second), told)
    t.equal(see('x/2'), 'not-found')
    answer = fetched('CANARY-x1')
    await clock.advance(27_540)
    t.equal(see('x/1'), 'fresh CANARY-x1')
  },
)

t.test(
  'a reader of an unknown name waits for a sweep that is under way, and starts none beside it',
  async (t) => {
    const { promise, resolve } = Promise.withResolvers<Listing>()
    const { backend, refresher } = start(t, [ruleOf('x/*', { key: 'x*' })], () => promise)
    const readings = ['x/1', 'x/2', 'x/3'].map((name) => refresher.demand(name, minute))
    await settle()
    resolve(listing('x1', 'x2'))
    t.same((await Promise.all(readings)).map(inWords), ['fresh CANARY-x1', 'fresh CANARY-x2', 'not-found'])
    t.equal(backend.calls.length, 1)
  },
)

t.test('keys that make no fit name are passed over', async (t) => {
  const { clock, cache } = start(t, [ruleOf('*')], () =>
    listing('ok', '../up', 'a//b', 'line\nbreak', 'ä', ''),
  )
  await clock.advance(0)
  t.same(
    cache.statuses().map(({ name }) => name),
    ['ok', 'ä'],
  )
})

t.test('two providers with like keys do not mix', async (t) => {
  const clock = new VirtualClock()
  // Two more are held of each, so that the deletion of one is believed at once.
  const more = (k?: Answer): Listing =>
    new Map([...listing('l', 'm'), ...(k === undefined ? [] : [['k', k] as const])])
  const one = new ListBackend(clock, () => more(fetched('CANARY-one')))
  const two = new ListBackend(clock, () => more(fetched('CANARY-two')))
  const rules = [
    ruleOf('one/*', { provider: 'one', key: '*' }),
    ruleOf('two/*', { provider: 'two', key: '*' }),
  ]
  const backend = new Map([
    ['one', one],
    ['two', two],
  ])
  const { refresher, see } = createRig(t, { clock, backend, rules })
  refresher.start()
  await clock.advance(0)
  t.equal(see('one/k'), 'fresh CANARY-one')
  t.equal(see('two/k'), 'fresh CANARY-two')
  one.list = () => more()
  await clock.advance(30 * second)
  t.equal(see('one/k'), 'not-found')
  t.equal(see('two/k'), 'fresh CANARY-two')
})

t.test('a required pattern is loaded once its provider has listed it', async (t) => {
  let list: Listing = unavailable()
  const { clock, cache } = start(t, [ruleOf('x/*', { key: 'x*', required: true })], () => list)
  await clock.advance(0)
  t.same(cache.required, { loadedOnce: false, held: false })
  list = new Map()
  await clock.advance(minute)
  t.same(cache.required, { loadedOnce: true, held: true })
})

t.test(
  'refreshing everything tells of each secret, and of the pattern itself where the list could not be had',
  async (t) => {
    let list: Listing = listing('a', 'x1')
    const rules = [ruleOf('a'), ruleOf('gone'), ruleOf('x/*', { key: 'x*' })]
    const { clock, backend, refresher } = start(t, rules, () => list)
    // What a call of the last second brought would be the answer: between the second retry for what is missing and the third.
    await clock.advance(2_600)
    const before = backend.calls.length
    t.match(await refresher.refreshAll(), [
      { name: 'a', result: { outcome: 'unchanged' } },
      { name: 'gone', result: { outcome: 'not-found' } },
      { name: 'x/1', result: { outcome: 'unchanged' } },
    ])
    list = unavailable()
    await clock.advance(second)
    const failed = await refresher.refreshAll()
    t.same(
      failed.map(({ name, result }) => `${name} ${result.outcome}`),
      ['a failed', 'gone failed', 'x/* failed', 'x/1 failed'],
    )
    t.equal(backend.calls.length, before + 2)
  },
)

t.test('of several entries that ask for fewer calls, the longest pause counts', async (t) => {
  const list = () =>
    listing('a')
      .set('x', throttled(100))
      .set('y', throttled(5 * second))
      .set('z', throttled(second))
  const { clock, backend } = start(t, [ruleOf('a', { refreshMs: second })], list)
  await clock.advance(5 * second - 1)
  t.equal(backend.calls.length, 1)
  await clock.advance(minute)
  t.ok(backend.calls.length > 1)
})
