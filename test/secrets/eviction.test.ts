import t from 'tap'
import type { Provider } from '../../src/secrets/provider.ts'
import type { Answer, Listing } from '../support/heart-backend.ts'
import { fetched, KeyBackend, ListBackend, unavailable } from '../support/heart-backend.ts'
import type { RigOptions } from '../support/heart-rig.ts'
import { createRig, hour, inWords, minute, ruleOf, second } from '../support/heart-rig.ts'
import { settle, VirtualClock } from '../support/virtual-clock.ts'

const kib = 1_024
const sized = (name: string, bytes: number): Answer => fetched(`CANARY-${name}`.padEnd(bytes, '.'))

function start(
  test: Parameters<typeof createRig>[0],
  answer: (key: string) => Answer | Promise<Answer>,
  bounds: Pick<RigOptions, 'maxEntries' | 'maxBytes'>,
) {
  const clock = new VirtualClock()
  const backend = new KeyBackend(clock, answer)
  const rig = createRig(test, {
    clock,
    backend,
    rules: [ruleOf('db'), ruleOf('x/*', { key: '*' })],
    ...bounds,
  })
  rig.refresher.start()
  return { ...rig, backend }
}

t.test(
  'beyond maxEntries the least recently read goes, is refreshed no longer, and can be had again',
  async (t) => {
    const { clock, backend, cache, refresher, see } = start(t, (key) => fetched(`CANARY-${key}`), {
      maxEntries: 3,
    })
    for (const name of ['x/a', 'x/b', 'x/c']) await refresher.demand(name, second)
    t.equal(see('x/a'), 'fresh CANARY-a', 'a is read, b is now the longest unread')
    await refresher.demand('x/d', second)
    t.equal(see('x/b'), 'undiscovered')
    t.same(['x/a', 'x/c', 'x/d'].map(see), ['fresh CANARY-a', 'fresh CANARY-c', 'fresh CANARY-d'])
    t.equal(cache.stats().entries, 4, 'the declared one counts, and is not bounded by it')
    await clock.advance(hour)
    t.equal(backend.callsFor('b'), 1)
    t.ok(backend.callsFor('a') > 60)
    t.equal(inWords(await refresher.demand('x/b', second)), 'fresh CANARY-b')
  },
)

t.test('being refreshed is no use: a secret that nobody reads goes first', async (t) => {
  const { clock, refresher, see } = start(t, (key) => fetched(`CANARY-${key}`), { maxEntries: 2 })
  await refresher.demand('x/a', second)
  await clock.advance(30 * second)
  await refresher.demand('x/b', second)
  await clock.advance(40 * second)
  await refresher.demand('x/c', second)
  t.equal(see('x/a'), 'undiscovered')
})

t.test('beyond maxBytes the least recently read goes', async (t) => {
  const { refresher, cache, see } = start(t, (key) => sized(key, 10 * kib), { maxBytes: 35 * kib })
  for (const name of ['x/a', 'x/b', 'x/c', 'x/d']) await refresher.demand(name, second)
  t.same(
    ['x/a', 'x/b', 'x/c', 'x/d'].map((name) => see(name).slice(0, 15)),
    ['undiscovered', 'fresh CANARY-b.', 'fresh CANARY-c.', 'fresh CANARY-d.'],
  )
  t.ok(cache.stats().bytes > 40 * kib, 'the declared one is counted, with what belongs to each')
})

t.test('a secret that grows in place is counted at its new size', async (t) => {
  let size = kib
  const { clock, refresher, cache } = start(t, (key) => sized(key, key === 'db' ? 10 : size), {
    maxBytes: 40 * kib,
  })
  for (let at = 0; at < 10; at += 1) await refresher.demand(`x/${at}`, second)
  t.equal(cache.stats().entries, 11)
  size = 10 * kib
  await clock.advance(minute)
  t.ok(cache.stats().bytes <= 42 * kib, `${cache.stats().bytes} bytes`)
  t.equal(cache.stats().entries, 4)
  size = 20
  await clock.advance(minute)
  t.ok(cache.stats().bytes <= 5 * kib, 'and at its new size where it shrinks')
})

t.test('declared secrets are never evicted, however large and however many', async (t) => {
  const clock = new VirtualClock()
  const backend = new KeyBackend(clock, (key) => sized(key, 100 * kib))
  const rules = Array.from({ length: 50 }, (_, at) => ruleOf(`s${at}`))
  const { cache, refresher, see } = createRig(t, { clock, backend, rules, maxEntries: 1, maxBytes: kib })
  refresher.start()
  await clock.advance(hour)
  for (const { name } of rules) t.match(see(name), 'fresh CANARY-')
  t.ok(cache.stats().bytes > 50 * 100 * kib)
})

t.test(
  'a pattern secret too large for the cache is not loaded, with the reason; others are left alone',
  async (t) => {
    const answer = (key: string) => sized(key, key === 'big' ? 100 * kib : 10)
    const { refresher, see, events } = start(t, answer, { maxBytes: 20 * kib })
    await refresher.demand('x/a', second)
    t.match(await refresher.demand('x/big', second), {
      kind: 'not-loaded',
      reason: /larger than cache.maxBytes/,
    })
    t.equal(see('x/a'), 'fresh CANARY-a..')
    t.match(events.of('failed'), [{ secrets: ['x/big'], error: { reason: 'oversized' } }])
  },
)

t.test('a pattern secret that grows too large keeps the value that is held, by the table', async (t) => {
  let size = 10
  const { clock, refresher, see, events } = start(t, (key) => sized(key, size), { maxBytes: 20 * kib })
  await refresher.demand('x/a', second)
  size = 100 * kib
  await clock.advance(minute)
  t.equal(see('x/a'), 'fresh CANARY-a..')
  await clock.advance(second)
  t.equal(see('x/a'), 'stale CANARY-a..')
  t.match(events.of('failed')[0], { secrets: ['x/a'], error: { reason: 'oversized' } })
  await clock.advance(hour)
  t.equal(see('x/a'), 'expired')
})

t.test(
  'evicted while its refresh is under way and wanted again: still one call, and one unit afterwards',
  async (t) => {
    const waiting: (() => void)[] = []
    let slow = false
    const answer = (key: string): Answer | Promise<Answer> => {
      if (!slow || key !== 'a') return fetched(`CANARY-${key}`)
      const { promise, resolve } = Promise.withResolvers<Answer>()
      waiting.push(() => resolve(fetched('CANARY-a')))
      return promise
    }
    const { clock, backend, refresher, see } = start(t, answer, { maxEntries: 1 })
    await refresher.demand('x/a', second)
    slow = true
    await clock.advance(53 * second)
    t.equal(waiting.length, 1, 'its refresh is under way')
    await refresher.demand('x/b', second)
    t.equal(see('x/a'), 'undiscovered')
    const again = refresher.demand('x/a', minute)
    await settle()
    t.equal(backend.callsFor('a'), 2, 'the one under way serves')
    waiting.shift()?.()
    t.equal(inWords(await again), 'fresh CANARY-a')
    t.equal(see('x/b'), 'undiscovered')
    slow = false
    await refresher.demand('x/b', second)
    const calls = backend.callsFor('a')
    await clock.advance(hour)
    t.equal(backend.callsFor('a'), calls, 'evicted again, it is refreshed no more')
    t.equal(backend.mostUnderWay, 1)
  },
)

t.test('evicted while its refresh is under way and wanted by nobody: the answer is for nobody', async (t) => {
  let answer: Answer | Promise<Answer> = fetched('CANARY-a')
  const { clock, backend, refresher, see } = start(t, (key) => (key === 'a' ? answer : fetched('CANARY-b')), {
    maxEntries: 1,
  })
  await refresher.demand('x/a', second)
  const { promise, resolve } = Promise.withResolvers<Answer>()
  answer = promise
  await clock.advance(53 * second)
  await refresher.demand('x/b', second)
  resolve(fetched('CANARY-a-late'))
  await clock.advance(hour)
  t.equal(see('x/a'), 'undiscovered')
  t.equal(see('x/b'), 'fresh CANARY-b')
  t.equal(backend.callsFor('a'), 2)
})

t.test('an evicted secret tells no more of its state', async (t) => {
  const { clock, backend, refresher, events } = start(t, (key) => fetched(`CANARY-${key}`), { maxEntries: 1 })
  await refresher.demand('x/a', second)
  await refresher.demand('x/b', second)
  backend.answer = () => unavailable()
  events.clear()
  await clock.advance(2 * hour)
  t.same(
    events
      .of('stateChanged')
      .map(({ secret, to }) => `${secret} ${to}`)
      .sort(),
    ['db expired', 'db stale', 'x/b expired', 'x/b stale'],
  )
})

t.test('what a provider lists and the cache has no room for is not missing', async (t) => {
  const list: Listing = new Map(['a', 'b', 'c'].map((key) => [key, fetched(`CANARY-${key}`)]))
  const clock = new VirtualClock()
  const backend = new ListBackend(clock, () => list)
  const rules = [ruleOf('x/*', { key: '*' })]
  const { refresher, see } = createRig(t, { clock, backend, rules, maxEntries: 2 })
  refresher.start()
  await clock.advance(0)
  t.same(['x/a', 'x/b', 'x/c', 'x/d'].map(see), [
    'undiscovered',
    'fresh CANARY-b',
    'fresh CANARY-c',
    'not-found',
  ])
  t.match(await refresher.demand('x/a', second), { kind: 'not-loaded', reason: /raise cache.maxEntries/ })
})

t.test('evicted between two sweeps in favour of another provider is not missing either', async (t) => {
  const clock = new VirtualClock()
  const lists = new ListBackend(clock, () => new Map([['a', fetched('CANARY-a')]]))
  const keys = new KeyBackend(clock, (key) => fetched(`CANARY-${key}`))
  const rules = [
    ruleOf('l/*', { provider: 'lists', key: '*' }),
    ruleOf('k/*', { provider: 'keys', key: '*' }),
  ]
  const backend = new Map<string, Provider>([
    ['lists', lists],
    ['keys', keys],
  ])
  const { refresher, see } = createRig(t, { clock, backend, rules, maxEntries: 1 })
  refresher.start()
  await clock.advance(0)
  t.equal(see('l/a'), 'fresh CANARY-a')
  await refresher.demand('k/b', second)
  t.equal(see('l/a'), 'undiscovered')
  t.equal(inWords(await refresher.demand('l/a', second)), 'fresh CANARY-a')
})
