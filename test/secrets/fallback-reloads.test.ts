import t, { type Test } from 'tap'
import { type Rule, Rules } from '../../src/secrets/rules.ts'
import { type Answer, denied, fetched, KeyBackend, throttled, unavailable } from '../support/heart-backend.ts'
import { createRig, hour, minute, ruleOf, second } from '../support/heart-rig.ts'
import { settle, VirtualClock } from '../support/virtual-clock.ts'

/** Two providers, `p` and `q`. */
function createWorld(
  test: Test,
  rules: readonly Rule[],
  answers: Record<'p' | 'q', (key: string) => Answer>,
) {
  const clock = new VirtualClock()
  const p = new KeyBackend(clock, (key) => answers.p(key))
  const q = new KeyBackend(clock, (key) => answers.q(key))
  const backend = new Map([
    ['p', p],
    ['q', q],
  ])
  const rig = createRig(test, { rules, backend, clock })
  rig.refresher.start()
  const apply = (changed: readonly Rule[]): void => {
    const next = new Rules(changed)
    rig.cache.apply({ rules: next, maxEntries: 1_000, maxBytes: 2 ** 20, missingTtlMs: 10_000 })
    rig.refresher.apply({ rules: next, sources: rig.sources })
  }
  return { ...rig, p, q, apply }
}

const chain = (first: string, ...others: string[]): Rule =>
  ruleOf('a', { provider: first, fallback: others.map((provider) => ({ provider, key: 'a' })) })

t.test('who serves is told by the new order of the places, where it is among them', async (t) => {
  const answers = { p: () => unavailable(), q: (): Answer => fetched('CANARY-q') }
  const { apply, cache, clock, refresher } = createWorld(t, [chain('p', 'q')], answers)
  await settle()
  t.match(cache.status('a'), { provider: 'q', onFallback: true })
  answers.q = () => unavailable()
  apply([chain('q', 'p')])
  await clock.advance(20 * minute)
  t.match(cache.status('a'), { provider: 'q', onFallback: false })
  t.match(refresher.explain('a'), {
    provider: 'q',
    fallback: [
      { provider: 'q', serves: true },
      { provider: 'p', serves: false },
    ],
  })
  answers.q = () => fetched('CANARY-q2')
  apply([chain('p', 'q')])
  t.match(cache.status('a'), { provider: 'q', onFallback: true })
})

t.test('where it is not among them, none of them is said to serve', async (t) => {
  const answers = { p: () => unavailable(), q: (): Answer => fetched('CANARY-q') }
  const { apply, cache, refresher } = createWorld(t, [chain('p', 'q')], answers)
  await settle()
  answers.q = () => unavailable()
  const elsewhere = ruleOf('a', { provider: 'p', fallback: [{ provider: 'q', key: 'other' }] })
  apply([elsewhere])
  await settle()
  t.match(cache.status('a'), { onFallback: false })
  t.match(refresher.explain('a')?.fallback, [{ serves: false }, { serves: false }])
})

const shared = ruleOf('shared', { key: 'b', refreshMs: 10 * hour, maxStaleMs: 100 * hour })
const chained = { ...shared, name: 'chained', fallback: [{ provider: 'q', key: 'b' }] }
for (const [what, kept] of [
  ['by itself', shared],
  ['among others', chained],
] as const) {
  t.test(`a key is known to its provider as long as it is asked ${what}`, async (t) => {
    const bad = ruleOf('bad', { refreshMs: 10 * second })
    const answers = {
      p: (key: string): Answer => (key === 'b' ? fetched('CANARY-b') : denied()),
      q: () => unavailable(),
    }
    const { apply, clock, events, refresher } = createWorld(t, [shared, chained, bad], answers)
    await clock.advance(second)
    apply([kept, bad])
    for (let i = 0; i < 6; i++) {
      await refresher.refresh('bad')
      await clock.advance(2 * second)
    }
    t.strictSame(events.of('breakerChanged'), [], 'one bad key does not speak for the other')
  })
}

t.test('that none of its providers is called is no failure of a secret', async (t) => {
  const answers = { p: () => unavailable(), q: () => throttled(30 * minute) }
  const { clock, p, q, refresher } = createWorld(t, [chain('p', 'q')], answers)
  for (let i = 0; i < 120; i++) {
    await clock.advance(10 * second)
    t.equal(refresher.explain('a')?.failures, p.calls.length, 'it failed as often as one was called')
  }
  t.equal(q.calls.length, 1)
})
