import t, { type Test } from 'tap'
import type { Provider } from '../../src/secrets/provider.ts'
import { type Rule, Rules } from '../../src/secrets/rules.ts'
import { parseTemplate } from '../../src/secrets/template/parse.ts'
import { type Answer, fetched, KeyBackend, missing, unavailable } from '../support/heart-backend.ts'
import { createRig, minute, ruleOf, second } from '../support/heart-rig.ts'
import { VirtualClock } from '../support/virtual-clock.ts'

const composedOf = (template: string): Rule =>
  ruleOf('c', { provider: '', template: parseTemplate(template) })

/** `here` and `there` are providers; the composed secret is `c`. */
function createWorld(test: Test, rules: readonly Rule[], answers: Record<string, Answer>) {
  const clock = new VirtualClock()
  const provider = (name: string): Provider =>
    new KeyBackend(clock, (key) => answers[`${name}/${key}`] ?? missing())
  const backend = new Map([
    ['here', provider('here')],
    ['there', provider('there')],
  ])
  const rig = createRig(test, { rules, backend, clock })
  rig.refresher.start()
  const apply = (changed: readonly Rule[]): void => {
    const next = new Rules(changed)
    rig.cache.apply({ rules: next, maxEntries: 1_000, maxBytes: 2 ** 20, missingTtlMs: 10_000 })
    rig.refresher.apply({ rules: next, sources: rig.sources })
  }
  return { ...rig, apply }
}

t.test('it is missing no longer when its part has moved to a place that has not answered', async (t) => {
  const answers: Record<string, Answer> = { 'there/a': unavailable() }
  const of = (provider: string): Rule[] => [ruleOf('a', { provider }), composedOf('x-{{ a }}')]
  const { apply, clock, events, see } = createWorld(t, of('here'), answers)
  await clock.advance(second)
  t.strictSame([see('a'), see('c')], ['not-found', 'not-found'])
  apply(of('there'))
  t.strictSame([see('a'), see('c')], ['not-loaded', 'not-loaded'], 'at once')
  await clock.advance(20 * minute)
  t.strictSame([see('a'), see('c')], ['not-loaded', 'not-loaded'])
  answers['there/a'] = fetched('CANARY-a')
  await clock.advance(2 * minute)
  t.equal(see('c'), 'fresh x-CANARY-a')
  t.strictSame(
    events.of('stateChanged').flatMap(({ secret, from, to }) => (secret === 'c' ? [`${from} ${to}`] : [])),
    ['not-loaded missing', 'missing not-loaded', 'not-loaded fresh'],
  )
})

t.test('it is missing no longer when its template names parts that are not loaded yet', async (t) => {
  const parts = ['a', 'b'].map((name) => ruleOf(name, { provider: 'here' }))
  const { apply, clock, see } = createWorld(t, [...parts, composedOf('{{ a }}')], { 'here/b': unavailable() })
  await clock.advance(second)
  t.equal(see('c'), 'not-found')
  apply([...parts, composedOf('{{ b }}')])
  t.equal(see('c'), 'not-loaded')
  apply([...parts, composedOf('{{ a }}{{ b }}')])
  t.equal(see('c'), 'not-found', 'and missing again with a part that is')
})

t.test('why an earlier template could not be filled is not said of the one that awaits a part', async (t) => {
  const parts = ['a', 'b'].map((name) => ruleOf(name, { provider: 'here' }))
  const answers = { 'here/a': fetched('CANARY-a'), 'here/b': unavailable() }
  const { apply, cache, clock, refresher } = createWorld(
    t,
    [...parts, composedOf('{{ a | field x }}')],
    answers,
  )
  await clock.advance(second)
  t.equal(refresher.explain('c')?.failures, 1)
  apply([...parts, composedOf('{{ b }}')])
  t.equal(refresher.explain('c')?.failures, 0)
  t.match(cache.entry('c')?.attempts, { lastFailure: undefined })
})
