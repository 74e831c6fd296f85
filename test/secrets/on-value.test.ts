/** Who looks out for values is told of each that is held, and of each secret that has none any more. */
import t, { type Test } from 'tap'
import { fetched, KeyBackend, missing } from '../support/heart-backend.ts'
import { createRig, minute, ruleOf, second } from '../support/heart-rig.ts'
import { VirtualClock } from '../support/virtual-clock.ts'

function watched(t: Test) {
  const clock = new VirtualClock()
  const values = new Map([['db', 'CANARY-db-1']])
  const backend = new KeyBackend(clock, (key) => {
    if (key.startsWith('found-')) return fetched(`CANARY-${key}`)
    const value = values.get(key)
    return value === undefined ? missing() : fetched(value)
  })
  const told: string[] = []
  const rig = createRig(t, {
    clock,
    backend,
    rules: [ruleOf('db'), ruleOf('x/*', { key: '*' })],
    maxEntries: 1,
    onValue: (name, secret) => told.push(`${name} ${secret?.reveal().toString() ?? 'none'}`),
  })
  rig.refresher.start()
  return { ...rig, told, values }
}

t.test('a load and a rotation are told with the value, a refresh that brought the same is not', async (t) => {
  const { clock, told, values } = watched(t)
  await clock.advance(5 * minute)
  t.strictSame(told, ['db CANARY-db-1'])
  values.set('db', 'CANARY-db-2')
  await clock.advance(5 * minute)
  t.strictSame(told, ['db CANARY-db-1', 'db CANARY-db-2'])
})

t.test('a secret that is missing at its provider has no value any more, told once', async (t) => {
  const { clock, told, values } = watched(t)
  await clock.advance(5 * minute)
  values.delete('db')
  await clock.advance(60 * minute)
  t.strictSame(told, ['db CANARY-db-1', 'db none'])
})

t.test('nor has one that was evicted, and at the end none has', async (t) => {
  const { clock, told, refresher, stop } = watched(t)
  await clock.advance(second)
  for (const name of ['x/found-1', 'x/found-2']) await refresher.demand(name, second)
  t.strictSame(told.slice(1), ['x/found-1 CANARY-found-1', 'x/found-2 CANARY-found-2', 'x/found-1 none'])
  await stop()
  t.strictSame(told.slice(4).toSorted(), ['db none', 'x/found-2 none'])
})
