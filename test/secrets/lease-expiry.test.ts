import type { Test } from 'tap'
import t from 'tap'
import type { CacheOptions } from '../../src/secrets/cache.ts'
import { SecretCache } from '../../src/secrets/cache.ts'
import type { Lease } from '../../src/secrets/provider.ts'
import type { Match, Rule } from '../../src/secrets/rules.ts'
import { Rules } from '../../src/secrets/rules.ts'
import { fetched } from '../support/heart-backend.ts'
import { Recorder } from '../support/heart-events.ts'
import { day, hour, inWords, minute, ruleOf, second } from '../support/heart-rig.ts'
import { VirtualClock } from '../support/virtual-clock.ts'

/** A cache without a refresher: the test says what fetches bring, and when. */
function start(t: Pick<Test, 'teardown'>, rule: Rule = ruleOf('db'), more: Partial<CacheOptions> = {}) {
  const clock = new VirtualClock()
  const events = new Recorder()
  const rules = new Rules([rule])
  const cache = new SecretCache({
    rules,
    clock,
    observer: events,
    maxEntries: 10,
    maxBytes: 1_000_000,
    missingTtlMs: second,
    ...more,
  })
  t.teardown(() => cache.close())
  const match: Match = { rule, name: 'db', key: 'db' }
  const now = () => ({ at: clock.now(), atWall: clock.wall() })
  return {
    clock,
    cache,
    events,
    see: () => inWords(cache.read('db')),
    held: () => cache.entry('db')?.held,
    bring: (text: string, lasting: { lease?: Lease; ttlMs?: number } = {}) =>
      cache.store(match, { ...fetched(text), ...lasting }, now()),
    renew: (lease: Lease, at = now()) => cache.renewed(match, lease, at),
  }
}

const lease = (durationMs: number): Lease => ({ id: 'lease/1', durationMs, renewable: true })

for (const [words, rule, more] of [
  ['the rule', ruleOf('db', { refreshMs: second, maxStaleMs: 2 * second }), {}],
  ['a longer maxStale', ruleOf('db', { refreshMs: day, maxStaleMs: 365 * day }), {}],
  ['a ttl', ruleOf('db'), { ttlMs: second }],
] as const) {
  t.test(
    `a leased value is fresh for 95 % of its lease and served to its end, whatever ${words} says`,
    async (t) => {
      const { clock, cache, see, bring, events } = start(t, rule)
      bring('CANARY-1', { lease: lease(10 * minute), ...more })
      const ends = clock.wall() + 10 * minute
      await clock.advance(9.5 * minute)
      t.equal(see(), 'fresh CANARY-1')
      t.equal(cache.status('db')?.expiresAt, ends)
      await clock.advance(1)
      t.equal(see(), 'stale CANARY-1')
      await clock.advance(0.5 * minute - 1)
      t.equal(see(), 'stale CANARY-1', 'at its end to the millisecond')
      await clock.advance(1)
      t.match(cache.read('db'), { kind: 'expired', ageMs: 10 * minute + 1 })
      t.same(
        events.of('stateChanged').map(({ to }) => to),
        ['fresh', 'stale', 'expired'],
        'each told by time alone',
      )
    },
  )
}

t.test('a renewed lease counts from the question, and the same value lives on', async (t) => {
  const { clock, cache, see, bring, renew, held, events } = start(t)
  bring('CANARY-1', { lease: lease(10 * minute) })
  const { version, fetchedAt } = cache.status('db') ?? {}
  const rendition = held()?.rendition
  await clock.advance(9.6 * minute)
  t.match(see(), 'stale')
  const asked = { at: clock.now(), atWall: clock.wall() }
  await clock.advance(second)
  renew(lease(5 * minute), asked)
  t.equal(see(), 'fresh CANARY-1')
  t.match(cache.status('db'), { version, fetchedAt, ageMs: second, expiresAt: asked.atWall + 5 * minute })
  t.equal(held()?.rendition, rendition, 'rendered once')
  t.match(held(), { lease: lease(5 * minute), firstLeaseMs: 10 * minute })
  t.same(events.of('rotated'), [])
  await clock.advance(5 * minute)
  t.equal(see(), 'expired')
  t.same(
    events.of('stateChanged').map(({ to }) => to),
    ['fresh', 'stale', 'fresh', 'stale', 'expired'],
  )
})

t.test('a fetch begins anew: its lease is the first one', (t) => {
  const { bring, renew, held } = start(t)
  bring('CANARY-1', { lease: lease(10 * minute) })
  renew(lease(minute))
  t.equal(bring('CANARY-1', { lease: lease(8 * minute) }), 'unchanged')
  t.match(held(), { lease: { durationMs: 8 * minute }, firstLeaseMs: 8 * minute })
  t.equal(bring('CANARY-2', { lease: lease(7 * minute) }), 'rotated')
  t.match(held(), { lease: { durationMs: 7 * minute }, firstLeaseMs: 7 * minute })
  t.end()
})

t.test('the next credential takes the place of the one before while that still lives', async (t) => {
  const { clock, see, bring } = start(t)
  bring('CANARY-1', { lease: lease(10 * minute) })
  await clock.advance(9 * minute)
  t.equal(see(), 'fresh CANARY-1')
  bring('CANARY-2', { lease: lease(10 * minute) })
  t.equal(see(), 'fresh CANARY-2')
  await clock.advance(9 * minute)
  t.equal(see(), 'fresh CANARY-2', 'the end of the first is nothing to the second')
})

t.test('a value that comes without a lease lives by the rule again', async (t) => {
  const { clock, see, bring, held } = start(t)
  bring('CANARY-1', { lease: lease(10 * second) })
  bring('CANARY-1')
  t.match(held(), { lease: undefined, firstLeaseMs: undefined })
  await clock.advance(minute)
  t.equal(see(), 'fresh CANARY-1')
  await clock.advance(minute)
  t.equal(see(), 'stale CANARY-1')
})

for (const durationMs of [0, 1, 999, -5]) {
  t.test(`a lease of ${durationMs} ms counts as one of a second`, async (t) => {
    const { clock, see, bring, renew, held } = start(t)
    bring('CANARY-1', { lease: lease(durationMs) })
    t.equal(held()?.lease?.durationMs, second)
    await clock.advance(second)
    t.equal(see(), 'stale CANARY-1')
    renew(lease(durationMs))
    t.equal(see(), 'fresh CANARY-1')
    await clock.advance(second + 1)
    t.equal(see(), 'expired')
  })
}

t.test('a renewal of what is held no longer, or was never, changes nothing', (t) => {
  const { cache, renew, see, bring } = start(t)
  renew(lease(hour))
  t.equal(see(), 'not-loaded')
  bring('CANARY-1', { lease: lease(minute) })
  cache.drop({ rule: ruleOf('db'), name: 'db', key: 'db' })
  renew(lease(hour))
  t.equal(see(), 'not-found')
  t.end()
})

t.test('what expired while the process slept says so, until it has had time to catch up', async (t) => {
  const { clock, cache, bring, see } = start(t)
  bring('CANARY-1')
  await clock.advance(minute)
  const since = clock.now()
  await clock.advance(8 * hour)
  t.match(cache.read('db'), { kind: 'expired', overslept: undefined }, 'nobody has noticed the sleep yet')
  cache.overslept(since, clock.now() + 10 * second)
  t.match(cache.read('db'), { kind: 'expired', ageMs: 8 * hour + minute, overslept: true })
  await clock.advance(10 * second)
  t.match(cache.read('db'), { kind: 'expired', overslept: true })
  await clock.advance(1)
  t.equal(cache.read('db').kind, 'expired')
  t.notOk('overslept' in cache.read('db'))
  bring('CANARY-2')
  t.equal(see(), 'fresh CANARY-2')
})

t.test('what had expired before the sleep, or expires after it, is no fault of the sleep', async (t) => {
  const { clock, cache, bring, see } = start(t, ruleOf('db', { refreshMs: second, maxStaleMs: 5 * second }))
  bring('CANARY-1')
  await clock.advance(5 * second + 1)
  const since = clock.now()
  await clock.advance(hour)
  cache.overslept(since, clock.now() + minute)
  t.equal(see(), 'expired')
  t.notOk('overslept' in cache.read('db'))
  bring('CANARY-2')
  await clock.advance(6 * second)
  t.equal(see(), 'expired')
  t.notOk('overslept' in cache.read('db'))
})

t.test('a lease that ended while the process slept is one that was slept through too', async (t) => {
  const { clock, cache, bring } = start(t)
  bring('CANARY-1', { lease: lease(10 * minute) })
  await clock.advance(minute)
  const since = clock.now()
  await clock.advance(hour)
  cache.overslept(since, clock.now() + second)
  t.match(cache.read('db'), { kind: 'expired', overslept: true })
})
