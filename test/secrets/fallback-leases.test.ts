import t from 'tap'
import type { Provider } from '../../src/secrets/provider.ts'
import { denied, fetched, KeyBackend, missing, throttled, unavailable } from '../support/heart-backend.ts'
import { createRig, hour, minute, ruleOf } from '../support/heart-rig.ts'
import { LeaseBackend } from '../support/lease-backend.ts'
import { settle, VirtualClock } from '../support/virtual-clock.ts'

const rule = ruleOf('a', { provider: 'vault', fallback: [{ provider: 'spare', key: 'db/a' }] })

t.test('a lease is renewed by the provider that gave it', async (t) => {
  const clock = new VirtualClock()
  const vault = new LeaseBackend(clock, { durationMs: hour, renewable: true })
  const spare = new LeaseBackend(clock, { durationMs: hour, renewable: true })
  vault.fetching = () => unavailable()
  const backend = new Map<string, Provider>([
    ['vault', vault],
    ['spare', spare],
  ])
  const { cache, refresher, see } = createRig(t, { rules: [rule], backend, clock })
  refresher.start()
  await settle()
  t.match(cache.status('a'), { provider: 'spare', state: 'fresh' })
  await clock.advance(3 * hour)
  t.ok(spare.renewals.length >= 3)
  t.strictSame(vault.renewals, [])
  t.equal(see('a'), 'fresh CANARY-db/a-1')
  t.ok(spare.accepts('CANARY-db/a-1'))
  vault.fetching = () => undefined
  spare.renewing = () => unavailable()
  await clock.advance(2 * hour)
  t.match(cache.status('a'), { provider: 'vault', state: 'fresh' })
  await clock.advance(2 * hour)
  t.ok(vault.renewals.length >= 1, 'from then on the first one renews')
})

t.test('a lease of a provider that cannot renew is replaced in time, as without a fallback', async (t) => {
  const clock = new VirtualClock()
  const vault = new LeaseBackend(clock, { durationMs: hour, renewable: true })
  const spare = new KeyBackend(clock, () => ({
    ...fetched(`CANARY-spare-${spare.calls.length}`),
    lease: { durationMs: 10 * minute, renewable: true },
  }))
  vault.fetching = () => unavailable()
  const backend = new Map<string, Provider>([
    ['vault', vault],
    ['spare', spare],
  ])
  const { refresher, cache } = createRig(t, { rules: [rule], backend, clock })
  refresher.start()
  for (let i = 0; i < 60; i++) {
    await clock.advance(minute)
    t.match(cache.read('a').kind, 'held')
  }
  t.ok(spare.calls.length >= 6 && spare.calls.length <= 8, `${spare.calls.length} credentials in an hour`)
  t.strictSame(vault.renewals, [])
})

t.test(
  'once the first can be asked again, it is asked for a credential before the lease is over',
  async (t) => {
    const clock = new VirtualClock()
    const vault = new LeaseBackend(clock, { durationMs: 10 * hour, renewable: true })
    const spare = new LeaseBackend(clock, { durationMs: 10 * hour, renewable: true })
    vault.fetching = () => unavailable()
    const backend = new Map<string, Provider>([
      ['vault', vault],
      ['spare', spare],
    ])
    const others = ['b', 'c', 'd', 'e', 'f'].map((name) => ruleOf(name, { provider: 'vault' }))
    const { refresher, cache } = createRig(t, { rules: [rule, ...others], backend, clock })
    refresher.start()
    await clock.advance(minute)
    t.match(cache.status('a'), { provider: 'spare' })
    vault.fetching = () => undefined
    await clock.advance(10 * minute)
    t.match(cache.status('a'), { provider: 'vault' }, 'its breaker closed')
  },
)

for (const renewable of [true, false]) {
  const what = renewable ? 'can be renewed' : 'lasts long'
  t.test(`the first is asked again at the interval while a lease of the next ${what}`, async (t) => {
    const clock = new VirtualClock()
    const vault = new LeaseBackend(clock, { durationMs: 100 * hour, renewable })
    const spare = new LeaseBackend(clock, { durationMs: 100 * hour, renewable })
    vault.fetching = () => unavailable()
    const backend = new Map<string, Provider>([
      ['vault', vault],
      ['spare', spare],
    ])
    const { refresher, cache, events } = createRig(t, { rules: [rule], backend, clock })
    refresher.start()
    await clock.advance(2 * hour)
    t.equal(spare.fetches.length, 1, 'and no other credential is made for that')
    t.ok(vault.fetches.length > 60 && vault.fetches.length < 180, `${vault.fetches.length} calls`)
    t.strictSame(events.of('failed'), [])
    t.match(cache.status('a'), { provider: 'spare', state: 'fresh' })
    vault.fetching = () => undefined
    await clock.advance(2 * minute)
    t.match(cache.status('a'), { provider: 'vault', onFallback: false })
    t.equal(events.of('cameBack').length, 1)
    const calls = vault.fetches.length
    await clock.advance(2 * hour)
    t.equal(vault.fetches.length, calls, 'from then on its own lease counts')
  })
}

t.test('a lease that is shorter than the interval is renewed, and the first is still asked', async (t) => {
  const clock = new VirtualClock()
  const vault = new LeaseBackend(clock, { durationMs: 10 * minute, renewable: true })
  const spare = new LeaseBackend(clock, { durationMs: 10 * minute, renewable: true })
  vault.fetching = () => unavailable()
  const backend = new Map<string, Provider>([
    ['vault', vault],
    ['spare', spare],
  ])
  const { refresher, cache } = createRig(t, { rules: [{ ...rule, refreshMs: hour }], backend, clock })
  refresher.start()
  await clock.advance(5 * hour)
  t.equal(spare.fetches.length, 1)
  t.ok(vault.fetches.length >= 5 && vault.fetches.length <= 8, `${vault.fetches.length} calls`)
  t.ok(spare.renewals.length > 35)
  t.equal(cache.read('a').kind, 'held')
  vault.fetching = () => undefined
  await clock.advance(hour)
  t.match(cache.status('a'), { provider: 'vault' })
})

for (const answer of [missing, denied, throttled]) {
  t.test(`that the first says ${answer().kind} ends no lease of the next that is good`, async (t) => {
    const clock = new VirtualClock()
    const vault = new LeaseBackend(clock, { durationMs: hour, renewable: true })
    const spare = new LeaseBackend(clock, { durationMs: hour, renewable: true })
    vault.fetching = () => unavailable()
    const backend = new Map<string, Provider>([
      ['vault', vault],
      ['spare', spare],
    ])
    const { refresher, cache, see } = createRig(t, { rules: [rule], backend, clock })
    refresher.start()
    await clock.advance(minute / 2)
    vault.fetching = () => answer()
    await clock.advance(3 * hour)
    t.equal(see('a'), 'fresh CANARY-db/a-1')
    t.equal(spare.fetches.length, 1)
    t.match(refresher.explain('a')?.fallback?.[0]?.lastError, { kind: answer().kind })
    t.match(cache.status('a'), { onFallback: true })
  })
}
