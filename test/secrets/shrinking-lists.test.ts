import t from 'tap'
import { ProviderError } from '../../src/secrets/provider.ts'
import type { Rule } from '../../src/secrets/rules.ts'
import type { Listing } from '../support/heart-backend.ts'
import { fetched, KeyBackend, ListBackend, missing } from '../support/heart-backend.ts'
import type { RigOptions } from '../support/heart-rig.ts'
import { createRig, hour, inWords, minute, ruleOf, second } from '../support/heart-rig.ts'
import { VirtualClock } from '../support/virtual-clock.ts'

const listing = (...keys: string[]): Listing => new Map(keys.map((key) => [key, fetched(`CANARY-${key}`)]))

/** A list that has been taken in once, and says next what the test wants. */
async function start(
  test: Parameters<typeof createRig>[0],
  rules: Rule[],
  first: Listing,
  more: Partial<RigOptions> = {},
) {
  const clock = new VirtualClock()
  const backend = new ListBackend(clock, () => first)
  const rig = createRig(test, { clock, backend, rules, ...more })
  rig.refresher.start()
  await clock.advance(0)
  rig.events.clear()
  /** Has the list fetched now, as often as told, a second apart. */
  const fetchNow = async (name: string, times = 1): Promise<void> => {
    for (let at = 0; at < times; at += 1) {
      await clock.advance(second + 1)
      await rig.refresher.refresh(name)
    }
  }
  return { ...rig, clock, backend, fetchNow }
}

const abc = [ruleOf('a'), ruleOf('b'), ruleOf('c')]

for (const [words, left] of [
  ['every secret', []],
  ['more than half of them', ['a']],
] as const) {
  t.test(
    `a list without ${words}: what is held is served on, ageing, and the list is asked for again`,
    async (t) => {
      const { clock, backend, see, cache, events } = await start(t, abc, listing('a', 'b', 'c'))
      backend.list = () => listing(...left)
      await clock.advance(minute)
      const calls = backend.calls.length
      t.ok(calls > 3, 'it is tried again with backoff')
      t.match(see('b'), 'CANARY-b')
      const vanished = 3 - left.length
      t.match(events.of('listShrank'), [{ provider: 'p', held: 3, vanished, believed: false }])
      t.match(events.of('failed')[0], {
        error: { kind: 'unavailable', reason: 'vanished' },
        attempt: 1,
        declared: true,
      })
      t.match(events.of('failed')[0]?.error.message, `lacks ${vanished} of the 3 secrets`)
      t.ok((cache.status('b')?.ageMs ?? 0) >= minute, 'nothing confirms it')
      for (const key of left) t.equal(see(key), `fresh CANARY-${key}`, 'what is listed is taken in as ever')
    },
  )
}

t.test('the only secret of a list is all that is held', async (t) => {
  const { clock, backend, see } = await start(t, [ruleOf('a')], listing('a'))
  backend.list = () => listing()
  await clock.advance(minute)
  t.match(see('a'), 'CANARY-a')
})

t.test('half of what is held, or less, is believed at once', async (t) => {
  const { backend, see, events, fetchNow } = await start(
    t,
    [...abc, ruleOf('x/*', { key: 'x*' })],
    listing('a', 'b', 'c', 'x1'),
  )
  backend.list = () => listing('a', 'x1')
  await fetchNow('a')
  t.same(['a', 'b', 'c', 'x/1'].map(see), ['fresh CANARY-a', 'not-found', 'not-found', 'fresh CANARY-x1'])
  t.same(events.of('listShrank'), [])
})

t.test('what was never held has not vanished', async (t) => {
  const rules = [ruleOf('a'), ruleOf('b'), ...Array.from({ length: 10 }, (_, at) => ruleOf(`never-${at}`))]
  const { backend, see, events, fetchNow } = await start(t, rules, listing('a', 'b'))
  backend.list = () => listing('a')
  await fetchNow('a')
  t.equal(see('b'), 'not-found')
  t.same(events.of('listShrank'), [])
})

t.test(
  'it is believed when it has said the same three times and over the longest interval of what vanished',
  async (t) => {
    const refreshMs = new Map([
      ['a', 10 * second],
      ['b', 20 * second],
      ['c', minute],
    ])
    const rules = [
      ...abc.map((rule) => ({ ...rule, refreshMs: refreshMs.get(rule.name) ?? minute })),
      ruleOf('never-there', { refreshMs: hour }),
    ]
    const { backend, see, events, fetchNow, clock } = await start(t, rules, listing('a', 'b', 'c'))
    backend.list = () => listing('a')
    await fetchNow('b', 8)
    t.ok(backend.calls.length > 8)
    t.match(see('b'), 'CANARY-b', 'often enough, and not for long enough')
    await clock.advance(40 * second)
    t.match(see('b'), 'CANARY-b', 'nor for as long as the other of them is fresh')
    await clock.advance(15 * second)
    await fetchNow('b')
    t.same(['a', 'b', 'c'].map(see), ['fresh CANARY-a', 'not-found', 'not-found'])
    t.match(events.of('listShrank'), [{ believed: false }, { held: 3, vanished: 2, believed: true }])
    t.same(
      events
        .of('stateChanged')
        .filter(({ to }) => to === 'missing')
        .map(({ secret }) => secret),
      ['b', 'c'],
    )
    backend.list = () => listing('a', 'b', 'c')
    await fetchNow('b')
    t.equal(see('b'), 'fresh CANARY-b', 'and what comes back is found again')
  },
)

t.test('twice is not often enough, however long it takes', async (t) => {
  let answers: Listing[] = []
  const { backend, see, clock, fetchNow } = await start(t, abc, listing('a', 'b', 'c'))
  // Of the failures one that opens no circuit breaker.
  const tooLarge = new ProviderError('unavailable', 'oversized', 'the list is too large')
  backend.list = () => answers.shift() ?? tooLarge
  answers = [listing()]
  await fetchNow('a')
  await clock.advance(30 * minute)
  answers = [listing()]
  await fetchNow('a')
  t.match(see('a'), 'CANARY-a')
  answers = [listing()]
  await fetchNow('a')
  t.equal(see('a'), 'not-found', 'lists that fail say nothing, and do not begin the count anew')
})

t.test('another set of absences begins the count anew, and is told once', async (t) => {
  const { backend, see, events, fetchNow, clock } = await start(t, abc, listing('a', 'b', 'c'))
  for (let round = 0; round < 10; round += 1) {
    backend.list = () => (backend.calls.length % 2 === 0 ? listing('a') : listing('b'))
    await clock.advance(20 * second)
    await fetchNow('a')
  }
  for (const name of ['a', 'b', 'c']) t.match(see(name), `CANARY-${name}`)
  t.equal(events.of('listShrank').length, 1)
})

t.test('a good list ends the doubt', async (t) => {
  const { backend, see, events, fetchNow, clock } = await start(t, abc, listing('a', 'b', 'c'))
  for (let round = 0; round < 5; round += 1) {
    backend.list = () => listing()
    await fetchNow('a', 2)
    backend.list = () => listing('a', 'b', 'c')
    await fetchNow('a')
    await clock.advance(minute)
  }
  t.equal(see('c'), 'fresh CANARY-c')
  t.equal(events.of('listShrank').filter(({ believed }) => believed).length, 0)
  t.equal(events.of('listShrank').length, 5, 'each time it is doubted anew')
  t.equal(events.of('recovered').length, 5)
})

t.test('while it is doubted the ages go on: what is held expires as in any outage', async (t) => {
  const { backend, see, clock } = await start(t, [ruleOf('a', { refreshMs: 2 * hour })], listing('a'))
  backend.list = () => listing()
  await clock.advance(hour)
  t.match(see('a'), 'CANARY-a')
  await clock.advance(10 * minute)
  t.equal(see('a'), 'expired')
})

t.test('discovered secrets are doubted alike, and new ones are taken in meanwhile', async (t) => {
  const { backend, see, fetchNow, clock } = await start(
    t,
    [ruleOf('x/*', { key: 'x*' })],
    listing('x1', 'x2', 'x3'),
  )
  backend.list = () => listing('x7', 'x8', 'x9', 'x10')
  await fetchNow('x/1', 2)
  t.match(see('x/1'), 'CANARY-x1', 'now they are less than half of what is held, and still the same doubt')
  t.equal(see('x/9'), 'fresh CANARY-x9')
  await clock.advance(2 * minute)
  t.equal(see('x/1'), 'not-found')
  t.equal(see('x/9'), 'fresh CANARY-x9')
})

t.test(
  'a doubted list says nothing of names that it lacks, and they start no calls without end',
  async (t) => {
    const { backend, refresher, fetchNow, clock } = await start(
      t,
      [ruleOf('x/*', { key: 'x*' })],
      listing('x1', 'x2'),
    )
    await clock.advance(11 * second)
    backend.list = () => listing()
    await fetchNow('x/1')
    const calls = backend.calls.length
    for (let at = 0; at < 100; at += 1) {
      const reading = await refresher.demand(`x/new-${at}`, second)
      t.match(reading, { kind: 'not-loaded', reason: /its list lacks 2 of the 2/ })
    }
    t.equal(backend.calls.length, calls)
  },
)

t.test('what was evicted has not vanished', async (t) => {
  const keys = ['x1', 'x2', 'x3', 'x4']
  const { backend, refresher, events, fetchNow } = await start(
    t,
    [ruleOf('x/*', { key: 'x*' })],
    listing(...keys),
    { maxEntries: 2 },
  )
  backend.list = () => listing('x3', 'x4')
  await fetchNow('x/3')
  t.same(events.of('listShrank'), [], 'x1 and x2 were not held')
  t.equal(inWords(await refresher.demand('x/3', second)), 'fresh CANARY-x3')
})

t.test('what is evicted while it is doubted changes nothing of what the list says', async (t) => {
  const { backend, see, events, fetchNow, clock, cache } = await start(
    t,
    [ruleOf('x/*', { key: 'x*' })],
    listing('x1', 'x2', 'x3'),
    { maxEntries: 4 },
  )
  let more = ['y']
  backend.list = () => listing(...more.map((key) => `x${key}`))
  await fetchNow('x/2', 1)
  more = ['y', 'z']
  await fetchNow('x/2', 1)
  t.equal(cache.stats().entries, 4, 'one of them had to make room')
  await clock.advance(minute + second)
  await fetchNow('x/2', 1)
  t.equal(events.of('listShrank').length, 2)
  t.match(events.of('listShrank')[1], { believed: true })
  t.equal(see('x/y'), 'fresh CANARY-xy')
  t.equal(cache.stats().entries, 2)
})

t.test('several names of one key vanish together', async (t) => {
  const rules = [ruleOf('a'), ruleOf('a2', { key: 'a' }), ruleOf('a3', { key: 'a' }), ruleOf('b')]
  const { backend, see, fetchNow } = await start(t, rules, listing('a', 'b'))
  backend.list = () => listing('b')
  await fetchNow('b')
  t.match(see('a3'), 'CANARY-a', 'three of four')
})

t.test('one provider is doubted, another is believed', async (t) => {
  const clock = new VirtualClock()
  const one = new ListBackend(clock, () => listing('a', 'b'))
  const two = new ListBackend(clock, () => listing('c', 'd'))
  const rules = [
    ...['a', 'b'].map((name) => ruleOf(name)),
    ...['c', 'd'].map((name) => ruleOf(name, { provider: 'q' })),
  ]
  const backend = new Map([
    ['p', one],
    ['q', two],
  ])
  const { refresher, see, events } = createRig(t, { clock, backend, rules })
  refresher.start()
  await clock.advance(0)
  one.list = () => listing()
  two.list = () => listing('c')
  await clock.advance(minute)
  t.match(see('a'), 'CANARY-a')
  t.equal(see('d'), 'not-found')
  t.match(events.of('listShrank'), [{ provider: 'p' }])
})

t.test('a key that its backend says is missing is dropped at once, be it the only one', async (t) => {
  const clock = new VirtualClock()
  const backend = new KeyBackend(clock, () => fetched('CANARY-a'))
  const { refresher, see, events } = createRig(t, { clock, backend, rules: [ruleOf('a')] })
  refresher.start()
  await clock.advance(0)
  backend.answer = () => missing()
  await clock.advance(minute)
  t.equal(see('a'), 'not-found')
  t.same(events.of('listShrank'), [])
})

t.test('a caller who forces a refresh of what vanished is told why it failed', async (t) => {
  const { clock, backend, refresher } = await start(t, abc, listing('a', 'b', 'c'))
  backend.list = () => listing()
  await clock.advance(2 * second)
  const result = await refresher.refresh('a')
  t.match(result, { outcome: 'failed', error: { reason: 'vanished' }, status: { name: 'a', state: 'fresh' } })
  t.notMatch(JSON.stringify(result), 'CANARY-')
})
