import t from 'tap'
import { mayOverlap } from '../../src/secrets/overlap.ts'
import type { Provider } from '../../src/secrets/provider.ts'
import { Standings } from '../../src/secrets/standings.ts'
import { fetched, KeyBackend, ListBackend, missing, unavailable } from '../support/heart-backend.ts'
import { createRig, hour, minute, type RigOptions, ruleOf } from '../support/heart-rig.ts'
import { VirtualClock } from '../support/virtual-clock.ts'

function worldOf(
  t: Parameters<typeof createRig>[0],
  rules: RigOptions['rules'],
  backend: (clock: VirtualClock) => Provider,
) {
  const clock = new VirtualClock()
  const rig = createRig(t, { rules, clock, backend: backend(clock) })
  const standings = new Standings({
    cache: rig.cache,
    canList: (provider) => rig.sources.get(provider)?.lists === true,
  })
  return { rig, clock, standings }
}

t.test('a name stands for something once its secret is held or said to be missing', async (t) => {
  let isUp = false
  const { rig, clock, standings } = worldOf(
    t,
    [ruleOf('a'), ruleOf('b')],
    (clock) =>
      new KeyBackend(clock, (key) => (!isUp ? unavailable() : key === 'a' ? fetched('CANARY-a') : missing())),
  )
  rig.refresher.start()
  await clock.advance(0)
  t.strictSame(standings.unsettled('a'), ['a'])
  t.match(standings.of('a'), { kind: 'unknown' })
  isUp = true
  await clock.advance(minute)
  t.strictSame([...standings.unsettled('a'), ...standings.unsettled('b'), ...standings.unsettled('*')], [])
  t.equal(standings.of('b').kind, 'missing')
  t.equal(standings.of('nobody').kind, 'missing')
  isUp = false
  await clock.advance(2 * hour)
  const expired = standings.of('a')
  t.equal(
    expired.kind === 'expired' && expired.secret.reveal().toString(),
    'CANARY-a',
    'its value is there still',
  )
})

t.test('a pattern stands for something once those that may have such names have listed them', async (t) => {
  let isUp = false
  const rules = [ruleOf('db/*', { key: '*' }), ruleOf('db/own')]
  const { rig, clock, standings } = worldOf(
    t,
    rules,
    (clock) => new ListBackend(clock, () => (isUp ? new Map([['x', fetched('CANARY-x')]]) : unavailable())),
  )
  rig.refresher.start()
  await clock.advance(0)
  t.strictSame(standings.unsettled('d*'), ['db/own', 'db/*'])
  t.strictSame(standings.unsettled('web/*'), [], 'no rule has such names')
  isUp = true
  await clock.advance(minute)
  t.strictSame(standings.unsettled('d*'), [])
  t.strictSame(
    standings.names((name) => name.endsWith('x')),
    ['db/x'],
  )
})

t.test('for what cannot be listed nobody waits', async (t) => {
  const { standings } = worldOf(
    t,
    [ruleOf('db/*', { key: '*' })],
    (clock) => new KeyBackend(clock, () => missing()),
  )
  t.strictSame(standings.unsettled('db/*'), [])
  t.equal(standings.of('db/x').kind, 'undiscovered')
})

t.test('patterns that may have a name in common', async (t) => {
  for (const [a, b, expected] of [
    ['db/*', 'db/*', true],
    ['db/*', '*', true],
    ['db/*', 'db/main/*', true],
    ['db/*', 'd*/password', true],
    ['db/*', 'web/*', false],
    ['*/user', '*/password', false],
    ['a*b*c', 'abc*', true],
  ] as const) {
    t.equal(mayOverlap(a, b), expected, `${a} ${b}`)
    t.equal(mayOverlap(b, a), expected, `${b} ${a}`)
  }
})
