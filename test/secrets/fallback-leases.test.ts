import t from 'tap'
import type { Provider } from '../../src/secrets/provider.ts'
import { fetched, KeyBackend, unavailable } from '../support/heart-backend.ts'
import { createRig, hour, minute, ruleOf } from '../support/heart-rig.ts'
import { LeaseBackend } from '../support/lease-backend.ts'
import { settle, VirtualClock } from '../support/virtual-clock.ts'

const rule = ruleOf('a', { provider: 'vault', fallback: [{ provider: 'spare', key: 'db/a' }] })

t.test('a lease is renewed by the provider that gave it, whoever could be asked', async (t) => {
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
  vault.fetching = () => undefined
  await clock.advance(3 * hour)
  t.ok(spare.renewals.length >= 3)
  t.strictSame(vault.renewals, [])
  t.equal(see('a'), 'fresh CANARY-db/a-1')
  t.ok(spare.accepts('CANARY-db/a-1'))
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
