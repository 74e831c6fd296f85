import t from 'tap'
import type { Random } from '../../src/secrets/clock.ts'
import type { Fetched, Provider } from '../../src/secrets/provider.ts'
import type { Rule } from '../../src/secrets/rules.ts'
import { denied, fetched, missing, throttled, unavailable } from '../support/heart-backend.ts'
import { createRig, day, hour, minute, ruleOf, second } from '../support/heart-rig.ts'
import { LeaseBackend } from '../support/lease-backend.ts'
import { settle, VirtualClock } from '../support/virtual-clock.ts'

interface Options {
  durationMs?: number
  renewable?: boolean
  replaceAfterMs?: number
  random?: Random
  rules?: Rule[]
}

function start(test: Parameters<typeof createRig>[0], options: Options = {}) {
  const clock = new VirtualClock()
  const { durationMs = hour, renewable = true, random = () => 0.5, rules = [ruleOf('db')] } = options
  const backend = new LeaseBackend(clock, { durationMs, renewable, replaceAfterMs: options.replaceAfterMs })
  const rig = createRig(test, { clock, backend, rules, random })
  rig.refresher.start()
  /** Whether what callers are given is a credential that its backend still takes. */
  const works = (): boolean => backend.accepts(rig.see('db').replace(/^\w+ /, ''))
  return { ...rig, backend, works }
}

function lcg(seed: number): Random {
  let state = seed
  return () => {
    state = (state * 1_664_525 + 1_013_904_223) % 2 ** 32
    return state / 2 ** 32
  }
}

t.test('a lease that is longer than 366 days counts as one of 366 days, renewed or not', async (t) => {
  for (const renewable of [false, true]) {
    const { backend, clock, refresher, works } = start(t, { durationMs: 9e15, renewable })
    await settle()
    const began = clock.wall()
    t.equal(refresher.explain('db')?.lease?.endsAt, began + 366 * day)
    await clock.advance(300 * day)
    t.equal(backend.renewals.length > 0, renewable)
    const endsAt = refresher.explain('db')?.lease?.endsAt ?? Number.POSITIVE_INFINITY
    t.ok(endsAt <= clock.wall() + 366 * day)
    await clock.advance(66 * day)
    t.ok(renewable || backend.fetches.length > 1, 'another has taken its place')
    t.ok(works())
  }
})

t.test('a lease is renewed at two thirds, give or take a tenth, and the value stays', async (t) => {
  for (const [random, share] of [
    [0, 0.6],
    [0.5, 2 / 3],
    [1 - 2 ** -53, 2 / 3 + 1 / 15],
  ] as const) {
    const { clock, backend, see, events } = start(t, { random: () => random })
    await clock.advance(day)
    t.same(
      backend.fetches,
      [0],
      'the rule says to refresh each minute, and each fetch would be another credential',
    )
    const [first = 0, second = 0] = backend.renewals
    t.ok(Math.abs(first - share * hour) < 1, `${first}`)
    t.ok(Math.abs(second - 2 * share * hour) < 1)
    t.equal(see('db'), 'fresh CANARY-db-1')
    t.same(events.of('rotated'), [])
    t.equal(
      events.of('called').filter(({ outcome }) => outcome === 'unchanged').length,
      backend.renewals.length,
    )
  }
})

t.test('a lease that cannot be renewed is replaced in its last part, before its end', async (t) => {
  for (const [random, share] of [
    [0, 0.85],
    [0.5, 0.9],
    [1 - 2 ** -53, 0.95],
  ] as const) {
    const { clock, backend } = start(t, { renewable: false, random: () => random })
    await clock.advance(day)
    for (const [at, time] of backend.fetches.entries()) t.ok(Math.abs(time - at * share * hour) < at + 1)
    t.same(backend.renewals, [])
  }
})

t.test('what is served always works: the next credential is there before the old one ends', async (t) => {
  for (const renewable of [true, false]) {
    const { clock, backend, works } = start(t, { renewable, random: lcg(3) })
    await clock.advance(0)
    for (let passed = 0; passed < day; passed += 2 * minute) {
      // Every third call fails, one way or another.
      const fails = Math.floor(passed / (2 * minute)) % 3 === 0
      backend.fetching = () => (fails ? unavailable() : undefined)
      backend.renewing = () => (fails ? throttled() : hour)
      await clock.advance(2 * minute)
      if (!works()) t.fail(`at ${clock.now()}`)
    }
    t.pass(`${backend.fetches.length} fetches, ${backend.renewals.length} renewals`)
  }
})

t.test('a provider that cannot renew has its renewable leases replaced', async (t) => {
  const clock = new VirtualClock()
  const inner = new LeaseBackend(clock, { durationMs: hour, renewable: true })
  const backend: Provider = { fetch: (keys) => inner.fetch(keys) }
  const { refresher } = createRig(t, { clock, backend, rules: [ruleOf('db')] })
  refresher.start()
  await clock.advance(0.9 * hour - 1)
  t.equal(inner.fetches.length, 1)
  await clock.advance(2)
  t.equal(inner.fetches.length, 2)
})

t.test(
  'while the backend is down a renewal is tried again, and from 0.85 of the lease on a fetch',
  async (t) => {
    const { clock, backend, see, works } = start(t, { random: lcg(1) })
    await clock.advance(minute)
    backend.renewing = () => unavailable()
    backend.fetching = () => unavailable()
    await clock.advance(0.85 * hour - minute)
    t.ok(backend.renewals.length > 1, `${backend.renewals.length} renewals`)
    t.equal(backend.fetches.length, 1)
    const { length: renewals } = backend.renewals
    await clock.advance(0.14 * hour)
    t.equal(backend.renewals.length, renewals)
    t.ok(backend.fetches.length > 2, `${backend.fetches.length} fetches`)
    t.equal(see('db'), 'stale CANARY-db-1')
    t.ok(works())
    await clock.advance(0.02 * hour)
    t.equal(see('db'), 'expired', 'at its end it is of no use, whatever maxStale says')
    backend.fetching = () => undefined
    await clock.advance(minute)
    t.match(see('db'), /^fresh CANARY-db-/)
    t.ok(works())
  },
)

t.test(
  'a lease whose provider says from when on another is wanted is replaced then, give or take a tenth',
  async (t) => {
    for (const [random, share] of [
      [0, 0.45],
      [0.5, 0.5],
      [1 - 2 ** -53, 0.55],
    ] as const) {
      const more = { renewable: false, replaceAfterMs: hour / 2, random: () => random }
      const { clock, backend, see, works, events } = start(t, more)
      await clock.advance(day)
      for (const [at, time] of backend.fetches.entries())
        t.equal(Math.round(time), Math.round(at * share * hour))
      t.match(see('db'), /^fresh/)
      t.ok(works())
      t.notOk(events.of('stateChanged').some(({ to }) => to !== 'fresh'))
    }
  },
)

t.test('the old one is served until its end where its successor cannot be had', async (t) => {
  const { clock, backend, see, works } = start(t, { renewable: false, replaceAfterMs: hour / 2 })
  await clock.advance(minute)
  backend.fetching = () => unavailable()
  await clock.advance(0.92 * hour)
  t.equal(see('db'), 'fresh CANARY-db-1')
  t.ok(backend.fetches.length > 5, `${backend.fetches.length} attempts`)
  await clock.advance(0.05 * hour)
  t.equal(see('db'), 'stale CANARY-db-1')
  t.ok(works())
  backend.fetching = () => undefined
  await clock.advance(0.04 * hour)
  t.match(see('db'), /^fresh CANARY-db-\d+/)
})

t.test('a lease that can be renewed is, whatever says from when on another is wanted', async (t) => {
  const { clock, backend } = start(t, { replaceAfterMs: hour / 10 })
  await clock.advance(0.65 * hour)
  t.same([backend.fetches.length, backend.renewals.length], [1, 0])
  await clock.advance(0.02 * hour)
  t.same([backend.fetches.length, backend.renewals.length], [1, 1])
})

t.test('what is no time in the lease puts no replacement off, and brings none each second', async (t) => {
  for (const replaceAfterMs of [Number.NaN, -1, 0, hour, 10 * hour, Number.POSITIVE_INFINITY]) {
    const { clock, backend, works } = start(t, { renewable: false, replaceAfterMs, random: lcg(3) })
    for (let at = 0; at < 20; at += 1) {
      await clock.advance(hour / 2)
      t.ok(works())
    }
    t.ok(
      backend.fetches.length >= 10 && backend.fetches.length <= 13,
      `${backend.fetches.length} in ten hours`,
    )
  }
})

t.test('the closer the end, the sooner the next attempt', async (t) => {
  const { clock, backend } = start(t, { renewable: false, random: () => 0.999 })
  await clock.advance(0)
  backend.fetching = () => throttled()
  await clock.advance(hour - 1)
  const [, ...tries] = backend.fetches
  t.ok(tries.length >= 8, `${tries.length} attempts`)
  for (const [at, time] of tries.entries()) {
    const next = tries[at + 1]
    if (next !== undefined && hour - time > 2 * second) t.ok(next - time <= (hour - time) / 2 + 1)
  }
})

t.test(
  'a lease that the backend renews no more is replaced within a second, while it is served',
  async (t) => {
    for (const refuse of [denied, missing]) {
      const { clock, backend, see, works, events } = start(t)
      await clock.advance(minute)
      backend.renewing = () => refuse()
      await clock.advance(0.66 * hour - minute)
      t.equal(backend.renewals.length, 0)
      await clock.advance(0.01 * hour)
      t.equal(backend.renewals.length, 1)
      t.equal(backend.fetches.length, 2)
      t.ok((backend.fetches[1] ?? 0) - (backend.renewals[0] ?? 0) <= second)
      t.equal(see('db'), 'fresh CANARY-db-2')
      t.ok(works())
      t.notOk(events.of('stateChanged').some(({ to }) => to !== 'fresh'))
      t.match(events.of('failed'), [{ error: { kind: refuse().kind }, attempt: 1 }])
      t.match(events.of('recovered'), [{ attempts: 1 }])
    }
  },
)

t.test('a refused renewal drops nothing, even where the next credential cannot be had', async (t) => {
  const { clock, backend, see, works } = start(t)
  await clock.advance(0)
  backend.renewing = () => missing()
  backend.fetching = () => unavailable()
  await clock.advance(0.9 * hour)
  t.equal(see('db'), 'fresh CANARY-db-1')
  t.ok(works())
  t.equal(backend.renewals.length, 1, 'and the lease is not tried again')
})

t.test('a lease at the limit of its backend is renewed no more, but replaced', async (t) => {
  const { clock, backend, see, works } = start(t)
  await clock.advance(0)
  // As Vault does near max_ttl: each renewal grants what is left.
  let left = hour
  backend.renewing = () => {
    left /= 1.5
    return left
  }
  for (let passed = 0; passed < 3 * hour; passed += minute) {
    await clock.advance(minute)
    if (!works()) t.fail(`${see('db')} at ${clock.now()}`)
    if (backend.fetches.length > 1) break
  }
  t.equal(backend.renewals.length, 2, 'one of two thirds, one of less than half')
  t.equal(see('db'), 'fresh CANARY-db-2')
})

t.test('very short leases leave a second between calls', async (t) => {
  for (const renewable of [true, false]) {
    const { clock, backend } = start(t, { durationMs: 50, renewable, random: lcg(2) })
    await clock.advance(minute)
    t.ok(backend.fetches.length + backend.renewals.length <= 61)
    t.ok(backend.fetches.length + backend.renewals.length >= 30)
  }
})

t.test('a forced refresh fetches, whatever could be renewed', async (t) => {
  const { clock, backend, refresher, see } = start(t)
  await clock.advance(0.65 * hour)
  t.match(await refresher.refresh('db'), { outcome: 'rotated' })
  t.equal(see('db'), 'fresh CANARY-db-2')
  t.equal(backend.renewals.length, 0)
  await clock.advance(0.65 * hour)
  t.equal(backend.renewals.length, 0, 'the new lease counts from its own fetch')
  await clock.advance(0.02 * hour)
  t.equal(backend.renewals.length, 1)
})

t.test('names that share a leased key share its one credential', async (t) => {
  const rules = [ruleOf('db'), ruleOf('db/again', { key: 'db', refreshMs: 10 * second })]
  const { clock, backend, see } = start(t, { rules })
  await clock.advance(10 * hour)
  t.equal(backend.fetches.length, 1)
  t.same([see('db'), see('db/again')], ['fresh CANARY-db-1', 'fresh CANARY-db-1'])
  t.ok(backend.renewals.length >= 13 && backend.renewals.length <= 16)
})

t.test('a field that a rule misses has no credentials made one after the other', async (t) => {
  const rules = [ruleOf('db'), ruleOf('nope', { key: 'db', field: 'nope' })]
  const { clock, backend } = start(t, { rules })
  await clock.advance(10 * hour)
  t.ok(backend.fetches.length <= 16, `${backend.fetches.length} in ten hours`)
})

t.test('a list with a leased item is fetched again as early as the first of them needs it', async (t) => {
  const clock = new VirtualClock()
  const times: number[] = []
  const all = async (): Promise<Map<string, Fetched>> => {
    times.push(clock.now())
    const lease = { durationMs: 20 * second, renewable: true, id: 'a' }
    return new Map([
      ['a', { ...fetched(`CANARY-a-${times.length}`), lease }],
      ['b', fetched('CANARY-b')],
    ])
  }
  const backend: Provider = {
    fetch: all,
    fetchAll: all,
    renew: () => {
      throw new Error('a list has no lease of its own')
    },
  }
  const rules = [ruleOf('a'), ruleOf('b', { refreshMs: hour, maxStaleMs: day })]
  const { refresher } = createRig(t, { clock, backend, rules })
  refresher.start()
  await clock.advance(5 * minute)
  for (const [at, time] of times.entries()) t.equal(time, at * 18 * second)
})
