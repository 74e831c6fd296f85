/** A provider that can tell says that what is held is current still, in place of the value. */
import t from 'tap'
import type { Fetched } from '../../src/secrets/provider.ts'
import type { Rule } from '../../src/secrets/rules.ts'
import { Rules } from '../../src/secrets/rules.ts'
import { Source } from '../../src/secrets/source.ts'
import type { KeyAnswer } from '../support/heart-backend.ts'
import { fetched, KeyBackend, missing, unavailable, unchanged } from '../support/heart-backend.ts'
import { createRig, hour, inWords, minute, ruleOf, second } from '../support/heart-rig.ts'
import { settle, VirtualClock } from '../support/virtual-clock.ts'

const json = (text: string): string => JSON.stringify({ f: text, g: `${text}-g` })

/** A backend with one version of everything, which it confirms to whoever has it; the test changes it. */
function start(
  test: Parameters<typeof createRig>[0],
  rules: readonly Rule[],
  more: { text?: string; answer?: KeyBackend['answer'] } = {},
) {
  const clock = new VirtualClock()
  const truth = { version: 'v1', text: more.text ?? 'CANARY-1', ttlMs: undefined as number | undefined }
  const say = (_key: string, held?: string): KeyAnswer =>
    held === truth.version ? unchanged(truth.ttlMs) : fetched(truth.text, { version: truth.version })
  const backend = new KeyBackend(clock, more.answer ?? say)
  const rig = createRig(test, { clock, backend, rules })
  rig.refresher.start()
  return { ...rig, backend, truth, say, offered: () => backend.calls.map(({ held }) => held) }
}

t.test('what is confirmed is as good as fetched, and is not rendered again', async (t) => {
  const { clock, cache, see, events, offered, truth } = start(t, [ruleOf('a')])
  await settle()
  const { version, fetchedAt } = cache.status('a') ?? {}
  const rendition = cache.entry('a')?.held?.rendition
  for (let at = 0; at < 60; at += 1) {
    await clock.advance(minute)
    t.equal(see('a'), 'fresh CANARY-1')
    t.ok((cache.status('a')?.ageMs ?? minute) < minute, 'as old as the last question')
  }
  t.ok(offered().length > 60, 'the pace is that of any refresh')
  t.same([...new Set(offered())], [undefined, 'v1'])
  t.match(cache.status('a'), { version, fetchedAt })
  t.equal(cache.entry('a')?.held?.rendition, rendition)
  t.same(
    events.of('called').map(({ outcome }) => outcome),
    [
      'ok',
      ...offered()
        .slice(1)
        .map(() => 'unchanged'),
    ],
  )
  t.equal(events.notable.length, 2, 'loaded, and fresh: no news after that')
  Object.assign(truth, { version: 'v2', text: 'CANARY-2' })
  await clock.advance(minute)
  t.equal(see('a'), 'fresh CANARY-2')
  t.match(events.of('rotated'), [{ version: 'v2', previousVersion: 'v1' }])
  await clock.advance(minute)
  t.equal(offered().at(-1), 'v2')
})

t.test('a forced refresh may be a confirmation', async (t) => {
  const { clock, refresher, offered } = start(t, [ruleOf('a')])
  await clock.advance(2 * second)
  t.match(await refresher.refresh('a'), { outcome: 'unchanged' })
  t.same(offered(), [undefined, 'v1'])
})

t.test('the ttl of a confirmation counts from then on', async (t) => {
  const { clock, see, truth, backend } = start(t, [ruleOf('a', { refreshMs: hour, maxStaleMs: 5 * hour })])
  truth.ttlMs = 10 * second
  await clock.advance(hour)
  const calls = backend.calls.length
  await clock.advance(minute)
  t.ok(backend.calls.length - calls >= 5, `${backend.calls.length - calls} calls in a minute`)
  t.equal(see('a'), 'fresh CANARY-1')
})

t.test('what has expired meanwhile lives again once it is confirmed', async (t) => {
  const { clock, backend, say, see, events } = start(t, [ruleOf('a', { maxStaleMs: 2 * minute })])
  await settle()
  backend.answer = () => unavailable()
  await clock.advance(10 * minute)
  t.equal(see('a'), 'expired')
  backend.answer = say
  await clock.advance(2 * minute)
  t.equal(see('a'), 'fresh CANARY-1')
  t.equal(backend.calls.at(-1)?.held, 'v1')
  t.match(events.of('recovered'), [{ secrets: ['a'] }])
  t.same(events.of('rotated'), [])
})

t.test('what has no version of the provider’s is never offered, nor what is leased', async (t) => {
  const clock = new VirtualClock()
  const lease = { id: 'l', durationMs: 10 * second, renewable: false }
  const answers: Record<string, () => Fetched> = {
    plain: () => fetched('CANARY-plain'),
    leased: () => ({ ...fetched('CANARY-leased', { version: 'v1' }), lease }),
  }
  const backend = new KeyBackend(clock, (key) => answers[key]?.() ?? missing())
  const { refresher, see } = createRig(t, { clock, backend, rules: [ruleOf('plain'), ruleOf('leased')] })
  refresher.start()
  await clock.advance(hour)
  t.ok(backend.callsFor('leased') > 300)
  t.ok(backend.callsFor('plain') > 60)
  t.ok(backend.calls.every(({ held }) => held === undefined))
  t.match(see('leased'), /CANARY-leased/)
})

t.test('several secrets of one key are confirmed together, each with its own value', async (t) => {
  const rules = [
    ruleOf('whole', { key: 'k' }),
    ruleOf('f', { key: 'k', field: 'f' }),
    ruleOf('x/*', { key: '*', field: 'g' }),
  ]
  const { clock, refresher, see, offered } = start(t, rules, { text: json('CANARY-1') })
  t.equal(inWords(await refresher.demand('x/k', second)), 'fresh CANARY-1-g')
  await clock.advance(2 * minute)
  t.same(['whole', 'f', 'x/k'].map(see), [`fresh ${json('CANARY-1')}`, 'fresh CANARY-1', 'fresh CANARY-1-g'])
  t.equal(offered().at(-1), 'v1')
})

t.test('where one of the secrets of a key lacks a value, the key is fetched in full', async (t) => {
  const rules = [ruleOf('f', { key: 'k', field: 'f' }), ruleOf('nope', { key: 'k', field: 'nope' })]
  const { clock, see, offered } = start(t, rules, { text: json('CANARY-1') })
  await clock.advance(hour)
  t.ok(offered().length > 20)
  t.ok(
    offered().every((held) => held === undefined),
    'it would be confirmed for ever, and the other never be found out',
  )
  t.match([see('f'), see('nope')], [/CANARY-1/, 'not-loaded'])
})

t.test('a value that could not be taken in is not confirmed in place of the one before', async (t) => {
  const { clock, refresher, see, truth, backend, say, offered } = start(t, [ruleOf('f', { field: 'f' })], {
    text: json('CANARY-1'),
  })
  await clock.advance(minute)
  // Removed and written anew: the version is the same, and the field is gone. It is read in full once.
  truth.text = '{}'
  backend.answer = () => fetched('{}', { version: 'v1' })
  await refresher.refresh('f')
  backend.answer = say
  backend.calls.length = 0
  await clock.advance(5 * minute)
  t.ok(offered().length > 3 && offered().every((held) => held === undefined))
  t.match(see('f'), /^stale CANARY-1$/, 'it does not become fresh by itself')
  truth.text = json('CANARY-2')
  await clock.advance(5 * minute)
  t.equal(see('f'), 'fresh CANARY-2')
  await clock.advance(2 * minute)
  t.equal(offered().at(-1), 'v1')
})

t.test('where two secrets of a key hold different versions, the key is fetched in full', async (t) => {
  const rules = [ruleOf('f', { key: 'k', field: 'f' }), ruleOf('g', { key: 'k', field: 'g' })]
  const { clock, backend, say, see, truth, offered } = start(t, rules, { text: json('CANARY-1') })
  await clock.advance(minute)
  // The new version lacks a field: one secret goes on with the former.
  Object.assign(truth, { version: 'v2', text: JSON.stringify({ f: 'CANARY-2' }) })
  await clock.advance(5 * minute)
  t.match([see('f'), see('g')], [/CANARY-2/, /CANARY-1-g/])
  backend.calls.length = 0
  await clock.advance(5 * minute)
  t.ok(offered().length > 0 && offered().every((held) => held === undefined))
  truth.text = json('CANARY-3')
  backend.answer = say
  await clock.advance(5 * minute)
  t.same([see('f'), see('g')], ['fresh CANARY-3', 'fresh CANARY-3-g'])
  await clock.advance(2 * minute)
  t.equal(offered().at(-1), 'v2')
})

t.test('a caller who asks for another secret of a key while that is being confirmed is served', async (t) => {
  const rules = [ruleOf('f', { key: 'k', field: 'f' }), ruleOf('x/*', { key: '*', field: 'g' })]
  for (const ask of ['demand', 'refresh'] as const) {
    const { clock, backend, refresher, see, say, events } = start(t, rules, { text: json('CANARY-1') })
    await settle()
    const held = Promise.withResolvers<KeyAnswer>()
    backend.answer = () => held.promise
    await clock.advance(minute)
    t.equal(backend.calls.at(-1)?.held, 'v1')
    const asked = ask === 'demand' ? refresher.demand('x/k', 5 * second) : refresher.refresh('x/k')
    await settle()
    backend.answer = say
    held.resolve(unchanged())
    await clock.advance(0)
    t.equal(backend.calls.at(-1)?.held, undefined, 'one more call, in full')
    const answer = await asked
    t.match(answer, ask === 'demand' ? { kind: 'held', state: 'fresh' } : { outcome: 'rotated' })
    t.same([see('f'), see('x/k')], ['fresh CANARY-1', 'fresh CANARY-1-g'])
    t.same(events.of('failed'), [])
  }
})

t.test('a version that a backend refused is fetched in full, by a call after the report', async (t) => {
  const { clock, backend, say, refresher, cache, offered } = start(t, [ruleOf('a')])
  await clock.advance(10 * second)
  const version = cache.status('a')?.version ?? ''
  t.match(await refresher.rejected('a', version), { outcome: 'held', changed: false })
  t.same(offered().slice(1), [undefined])
  await clock.advance(minute)
  t.equal(offered().at(-1), 'v1', 'from then on it is in no doubt')
  // And while a confirmation is under way: what that says is no answer to the report.
  const held = Promise.withResolvers<KeyAnswer>()
  backend.answer = () => held.promise
  await clock.advance(minute)
  const before = backend.calls.length
  t.equal(backend.calls.at(-1)?.held, 'v1')
  const reported = refresher.rejected('a', version)
  backend.answer = say
  held.resolve(unchanged())
  await clock.advance(second)
  t.match(await reported, { outcome: 'held', changed: false })
  t.same(
    backend.calls.slice(before).map((call) => call.held),
    [undefined],
  )
})

t.test(
  'a report that cannot be looked into at once keeps the next refresh from being a confirmation',
  async (t) => {
    const { clock, backend, say, refresher, cache } = start(t, [ruleOf('a')])
    await clock.advance(10 * second)
    backend.answer = () => unavailable()
    t.match(await refresher.rejected('a', cache.status('a')?.version ?? ''), { outcome: 'failed' })
    backend.answer = say
    backend.calls.length = 0
    await clock.advance(5 * minute)
    t.same(
      backend.calls.slice(0, 2).map(({ held }) => held),
      [undefined, 'v1'],
    )
  },
)

t.test(
  'a provider that confirms what it was not told of has failed, and is told of nothing next',
  async (t) => {
    const answer: KeyBackend['answer'] = (key) =>
      key === 'n' ? unchanged() : fetched('CANARY-1', { version: 'v1' })
    const rules = [ruleOf('a'), ruleOf('never', { key: 'n' })]
    const { clock, backend, say, see, events, offered } = start(t, rules, { answer })
    await clock.advance(minute)
    t.equal(see('never'), 'not-loaded')
    t.match(events.of('failed')[0], {
      secrets: ['never'],
      error: { kind: 'unavailable', reason: 'internal' },
    })
    t.equal(see('a'), 'fresh CANARY-1')
    backend.answer = say
    backend.calls.length = 0
    await clock.advance(minute)
    t.equal(see('never'), 'fresh CANARY-1')
    t.equal(backend.calls.find(({ key }) => key === 'n')?.held, undefined)
    t.ok(offered().includes('v1'))
  },
)

t.test('what is held of another place is not offered there, whatever its version', async (t) => {
  for (const to of [{ key: 'other' }, { field: 'g' }, { provider: 'q' }] as const) {
    const clock = new VirtualClock()
    const answer = (key: string, held?: string): KeyAnswer =>
      held === 'v1' ? unchanged() : fetched(json(`CANARY-${key}`), { version: 'v1' })
    const [p, q] = [new KeyBackend(clock, answer), new KeyBackend(clock, answer)]
    const before = [ruleOf('a', { key: 'k', field: 'f' })]
    const backend = new Map([
      ['p', p],
      ['q', q],
    ])
    const { refresher, cache, sources, see } = createRig(t, { clock, backend, rules: before })
    refresher.start()
    await clock.advance(2 * minute)
    t.equal(p.calls.at(-1)?.held, 'v1')
    p.calls.length = 0
    const rules = new Rules([ruleOf('a', { key: 'k', field: 'f', ...to })])
    cache.apply({ rules, maxEntries: 10, maxBytes: 1e6, missingTtlMs: second })
    refresher.apply({ rules, sources })
    await clock.advance(minute)
    const { key = 'k', field = 'f' } = { ...to } as { key?: string; field?: string }
    t.equal(see('a'), `fresh CANARY-${key}${field === 'g' ? '-g' : ''}`)
    const [first, second_] = [...p.calls, ...q.calls]
    t.equal(first?.held, undefined)
    t.not(second_?.held, undefined, 'and is there, once it has come from there')
  }
})

t.test('nor what is held from a provider that was replaced', async (t) => {
  const { clock, backend, refresher, cache, sources, see } = start(t, [ruleOf('a')])
  await clock.advance(2 * minute)
  t.equal(backend.calls.at(-1)?.held, 'v1')
  const other = new KeyBackend(clock, (_key, held) =>
    held === 'v1' ? unchanged() : fetched('CANARY-other', { version: 'v1' }),
  )
  const former = sources.get('p')
  sources.set('p', new Source('p', other, clock, { random: () => 0.5 }))
  const rules = new Rules([ruleOf('a')])
  cache.apply({ rules, maxEntries: 10, maxBytes: 1e6, missingTtlMs: second })
  refresher.apply({ rules, sources: new Map(sources) })
  await former?.close()
  await clock.advance(2 * minute)
  t.equal(see('a'), 'fresh CANARY-other')
  t.same(
    other.calls.slice(0, 2).map(({ held }) => held),
    [undefined, 'v1'],
  )
})

t.test(
  'a rule that takes another field while its key is being confirmed fails, and is fetched in full',
  async (t) => {
    const { clock, backend, say, refresher, cache, sources, see, events } = start(
      t,
      [ruleOf('a', { key: 'k', field: 'f' })],
      { text: json('CANARY-1') },
    )
    await settle()
    const held = Promise.withResolvers<KeyAnswer>()
    backend.answer = () => held.promise
    await clock.advance(minute)
    t.equal(backend.calls.at(-1)?.held, 'v1')
    const rules = new Rules([ruleOf('a', { key: 'k', field: 'g' })])
    cache.apply({ rules, maxEntries: 10, maxBytes: 1e6, missingTtlMs: second })
    refresher.apply({ rules, sources })
    backend.answer = say
    held.resolve(unchanged())
    await settle()
    t.match(see('a'), /CANARY-1$/, 'held on until its new place has answered')
    t.match(events.of('failed'), [{ secrets: ['a'], error: { kind: 'unavailable', reason: 'internal' } }])
    await clock.advance(10 * second)
    t.equal(see('a'), 'fresh CANARY-1-g')
    t.equal(backend.calls.at(-1)?.held, undefined)
  },
)

t.test(
  'what was deleted, or evicted, while it was being confirmed is not brought back by that',
  async (t) => {
    const clock = new VirtualClock()
    const truth = { answer: (): KeyAnswer => fetched('CANARY-1', { version: 'v1' }) }
    const backend = new KeyBackend(clock, () => truth.answer())
    const { refresher, see } = createRig(t, { clock, backend, rules: [ruleOf('x/*')], maxEntries: 1 })
    refresher.start()
    await refresher.demand('x/1', second)
    const held = Promise.withResolvers<KeyAnswer>()
    truth.answer = () => held.promise as never
    await clock.advance(minute)
    t.equal(backend.calls.at(-1)?.held, 'v1')
    truth.answer = () => fetched('CANARY-2', { version: 'v1' })
    await refresher.demand('x/2', second)
    t.equal(see('x/1'), 'undiscovered')
    held.resolve(unchanged())
    await settle()
    t.equal(see('x/1'), 'undiscovered')
    t.equal(see('x/2'), 'fresh CANARY-2')
    truth.answer = () => missing()
    await clock.advance(minute)
    t.notMatch(see('x/2'), 'CANARY-')
    truth.answer = () => fetched('CANARY-3', { version: 'v1' })
    await clock.advance(minute)
    t.equal(inWords(await refresher.demand('x/2', second)), 'fresh CANARY-3')
    t.equal(backend.calls.at(-1)?.held, undefined)
  },
)
