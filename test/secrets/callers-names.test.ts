import t from 'tap'
import { ProviderError } from '../../src/secrets/provider.ts'
import { fetched, KeyBackend, missing } from '../support/heart-backend.ts'
import { StormClock } from '../support/heart-clock.ts'
import { createRig, minute, ruleOf, second } from '../support/heart-rig.ts'
import { settle } from '../support/virtual-clock.ts'

const rules = [ruleOf('db'), ruleOf('app/*', { key: 'kv/*' })]

t.test('forced fetches of random names wait in a bounded queue too, and not for ever', async (t) => {
  for (const by of ['refresh', 'rejected'] as const) {
    const clock = new StormClock()
    const backend = new KeyBackend(clock, (key) => (key === 'db' ? fetched('CANARY-db') : missing()))
    const limits = { maxCallsPerSecond: 10, maxQueuedCalls: 500 }
    const { refresher, see } = createRig(t, { clock, backend, rules, limits })
    refresher.start()
    await settle()
    let waiting = 0
    let mostWaiting = 0
    for (let at = 0; at < 6_000; at += 1) {
      waiting += 1
      const name = `app/${at}`
      const ended = by === 'refresh' ? refresher.refresh(name) : refresher.rejected(name, '1')
      void ended.then(() => {
        waiting -= 1
      })
      // As many of unknown names as the API lets through in a second.
      if (at % 100 === 99) await clock.advance(second)
      mostWaiting = Math.max(mostWaiting, waiting)
    }
    t.ok(mostWaiting <= 500 + 100, `${by}: ${mostWaiting} waited at a time`)
    t.equal(see('db'), 'fresh CANARY-db')
    await clock.advance(10 * second)
    t.equal(waiting, 0, `${by}: none waits for longer than anyone would`)
    const { kind } = await refresher.demand('app/another', second)
    t.equal(kind, 'not-found', 'who comes after them has its turn')
  }
})

t.test('names that callers choose and that are denied keep nothing from being refreshed', async (t) => {
  const clock = new StormClock()
  const denied = new ProviderError('denied', 'denied', 'it says no')
  const backend = new KeyBackend(clock, (key) => (key.startsWith('kv/') ? denied : fetched('CANARY-kept')))
  const names = Array.from({ length: 100 }, (_, at) => `declared-${at}`)
  const declared = names.map((name) => ruleOf(name, { refreshMs: 5 * minute }))
  // Draws that differ, but are the same in each run.
  let drawn = 1
  const random = (): number => {
    drawn = (drawn * 16_807) % 2_147_483_647
    return drawn / 2_147_483_647
  }
  const allRules = [...declared, ...rules]
  const { refresher, cache, events } = createRig(t, { clock, backend, rules: allRules, random })
  refresher.start()
  await settle()
  let calls = 0
  for (let at = 0; at < 3_600; at += 1) {
    // Three are enough to take the credential for refused.
    for (const each of ['x', 'y', 'z']) void refresher.demand(`app/${each}${at}`, second)
    await clock.advance(second)
    for (const name of names) {
      const age = cache.status(name)?.ageMs ?? Number.POSITIVE_INFINITY
      if (age > 10 * minute) t.fail(`${name} is ${age / minute} min old after ${at} s`)
    }
    calls += backend.calls.length
    backend.calls.length = 0
  }
  t.match(events.of('breakerChanged'), [{ cause: 'denied', open: true }], 'and yet nobody drains a quota')
  t.ok(calls < 7_200, `${calls} calls for 10,800 names and a hundred secrets`)
})
