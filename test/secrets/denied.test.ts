import t from 'tap'
import type { Answer } from '../support/heart-backend.ts'
import { denied, fetched, KeyBackend } from '../support/heart-backend.ts'
import { createRig, day, hour, minute, ruleOf, second } from '../support/heart-rig.ts'
import { LeaseBackend } from '../support/lease-backend.ts'
import { VirtualClock } from '../support/virtual-clock.ts'

const good = (): Answer => fetched('CANARY-1')
const often = ruleOf('often', { refreshMs: 5 * second, maxStaleMs: hour })

/** How many of the calls came in each hour from `since` on. */
function perHour(times: readonly number[], since: number, hours: number): number[] {
  const counts: number[] = Array(hours).fill(0)
  for (const time of times) {
    const at = Math.floor((time - since) / hour)
    counts[at] = (counts[at] ?? 0) + 1
  }
  return counts
}

t.test('a refused credential is left alone though one of two keys is hardly ever asked for', async (t) => {
  const clock = new VirtualClock()
  const backend = new KeyBackend(clock, good)
  const rules = [often, ruleOf('seldom', { refreshMs: 6 * hour, maxStaleMs: day })]
  const { refresher, events } = createRig(t, { clock, backend, rules })
  refresher.start()
  await clock.advance(6 * hour)
  backend.answer = denied
  backend.calls.length = 0
  const since = clock.now()
  await clock.advance(15 * minute)
  t.match(events.of('breakerChanged'), [{ cause: 'denied', open: true }])
  const heardAt = (backend.calls.find(({ key }) => key === 'seldom')?.at ?? 0) - since
  t.ok(heardAt >= 10 * minute, `whether it is refused too was asked after ${heardAt / minute} min`)
  await clock.advance(2 * hour + 45 * minute)
  const hours = perHour(backend.times, since, 3)
  // Ten until it opens, and probes after that at gaps of 22.5 s, 45 s, 90 s … up to 450 s.
  t.ok((hours[0] ?? 0) <= 25, `${hours[0]} calls in the first hour`)
  t.ok(Math.max(...hours.slice(1)) <= 8, `${hours.slice(1).join(' and ')} calls in those after it`)
})

t.test('one key that is denied is asked for at its own pace, however short its interval', async (t) => {
  const clock = new VirtualClock()
  const backend = new KeyBackend(clock, good)
  const { refresher, events, see } = createRig(t, { clock, backend, rules: [often, ruleOf('other')] })
  refresher.start()
  await clock.advance(hour)
  backend.answer = (key) => (key === 'often' ? denied() : good())
  backend.calls.length = 0
  const since = clock.now()
  await clock.advance(4 * hour)
  const ofOften = backend.calls.filter(({ key }) => key === 'often').map(({ at }) => at)
  const hours = perHour(ofOften, since, 4)
  // A try each 150 s as a rule; more of them only where the value nears its end, which leaves half the rest each time.
  t.ok((hours[0] ?? 0) <= 40, `${hours[0]} calls in the hour at the end of which it expires`)
  t.equal(see('often'), 'expired')
  t.ok(Math.max(...hours.slice(1)) <= 24, `${hours.slice(1).join(', ')} calls in those after it`)
  t.same(events.of('breakerChanged'), [])
  const others = backend.callsFor('other')
  t.ok(others <= (4 * hour) / (0.81 * minute), `${others} calls for the other, at its own pace`)
  backend.answer = good
  await clock.advance(5 * minute)
  t.equal(see('often'), 'fresh CANARY-1')
})

t.test('a bad key has the good ones asked no more often than an open breaker would probe', async (t) => {
  const clock = new VirtualClock()
  const backend = new KeyBackend(clock, good)
  const seldom = ['a', 'b', 'c'].map((name) => ruleOf(name, { refreshMs: day, maxStaleMs: 7 * day }))
  const { refresher, events } = createRig(t, { clock, backend, rules: [often, ...seldom] })
  refresher.start()
  await clock.advance(minute)
  backend.answer = (key) => (key === 'often' ? denied() : good())
  backend.calls.length = 0
  await clock.advance(6 * hour)
  const asked = backend.calls.filter(({ key }) => key !== 'often').length
  t.ok(asked > 0 && asked <= 6 * 6, `${asked} calls in six hours for the three others together`)
  t.same(events.of('breakerChanged'), [], 'and they speak for the credential')
})

t.test('a bad key has no further credentials made', async (t) => {
  const clock = new VirtualClock()
  const leases = new LeaseBackend(clock, { durationMs: day, renewable: false })
  const backend = {
    fetch: async (keys: readonly string[]) =>
      keys.includes('often') ? new Map([['often', denied()]]) : await leases.fetch(keys),
  }
  const { refresher } = createRig(t, { clock, backend, rules: [often, ruleOf('leased')] })
  refresher.start()
  await clock.advance(12 * hour)
  t.equal(leases.fetches.length, 1)
})

t.test('a credential that was mended serves all secrets as soon as one was asked for', async (t) => {
  const clock = new VirtualClock()
  const backend = new KeyBackend(clock, denied)
  const names = ['a', 'b', 'c', 'd']
  const rules = names.map((name) => ruleOf(name, { required: true, refreshMs: hour, maxStaleMs: day }))
  const { refresher, events, see } = createRig(t, { clock, backend, rules })
  refresher.start()
  await clock.advance(2 * hour)
  t.match(events.of('breakerChanged'), [{ cause: 'denied', open: true }])
  backend.answer = good
  await refresher.refresh('a')
  await clock.advance(3 * second)
  for (const name of names) t.equal(see(name), 'fresh CANARY-1', name)
})
