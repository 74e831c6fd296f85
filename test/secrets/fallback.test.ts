import t, { type Test } from 'tap'
import type { Provider } from '../../src/secrets/provider.ts'
import { ProviderError } from '../../src/secrets/provider.ts'
import { Rules } from '../../src/secrets/rules.ts'
import {
  type Answer,
  denied,
  fetched,
  KeyBackend,
  ListBackend,
  missing,
  throttled,
  unavailable,
  WatchedBackend,
} from '../support/heart-backend.ts'
import { createRig, minute, ruleOf, second } from '../support/heart-rig.ts'
import { settle, VirtualClock } from '../support/virtual-clock.ts'

const chained = ruleOf('a', { provider: 'vault', fallback: [{ provider: 'aws', key: 'prod/a' }] })

/** Two providers in the test's hands; the secret `a` is at `a` of the first and at `prod/a` of the second. */
function createPair(t: Test, answers: { vault: () => Answer; aws: () => Answer }, rules = [chained]) {
  const clock = new VirtualClock()
  const vault = new KeyBackend(clock, () => answers.vault())
  const aws = new KeyBackend(clock, () => answers.aws())
  const backend = new Map<string, Provider>([
    ['vault', vault],
    ['aws', aws],
  ])
  const rig = createRig(t, { rules, backend, clock })
  rig.refresher.start()
  return { ...rig, vault, aws }
}

t.test(
  'the next provider is asked when the one before is unavailable, and the answer names it',
  async (t) => {
    const { aws, cache, events, see } = createPair(t, {
      vault: () => unavailable(),
      aws: () => fetched('CANARY-b', { version: '7' }),
    })
    await settle()
    t.equal(see('a'), 'fresh CANARY-b')
    t.strictSame(
      aws.calls.map(({ key }) => key),
      ['prod/a'],
    )
    t.match(cache.status('a'), { provider: 'aws', onFallback: true })
    t.strictSame(
      events.of('called').map(({ provider, outcome }) => [provider, outcome]),
      [
        ['vault', 'unavailable'],
        ['aws', 'ok'],
      ],
      'each call is counted where it was made',
    )
    t.strictSame(events.of('failed'), [], 'the refresh did not fail')
    t.match(events.of('fellBack'), [{ secret: 'a', provider: 'aws', first: 'vault', begins: true }])
    t.match(events.of('loaded'), [{ provider: 'aws' }])
  },
)

t.test('while the first provider answers, nobody else is asked', async (t) => {
  const { aws, clock, cache, events } = createPair(t, {
    vault: () => fetched('CANARY-a'),
    aws: () => fetched('CANARY-b'),
  })
  await clock.advance(10 * minute)
  t.equal(aws.calls.length, 0)
  t.match(cache.status('a'), { provider: 'vault', onFallback: false })
  t.strictSame(events.of('fellBack'), [])
})

for (const [kind, answer] of [
  ['denied', denied],
  ['missing', missing],
  ['throttled', throttled],
] as const) {
  t.test(`a first provider that says ${kind} is believed`, async (t) => {
    const { aws, cache } = createPair(t, { vault: () => answer(), aws: () => fetched('CANARY-b') })
    await settle()
    t.equal(aws.calls.length, 0)
    t.equal(cache.status('a')?.state, kind === 'missing' ? 'missing' : 'not-loaded')
  })
}

t.test('a breaker that is open for a refused credential is no outage', async (t) => {
  const { aws, vault, cache, clock, refresher } = createPair(t, {
    vault: () => denied(),
    aws: () => fetched('CANARY-b'),
  })
  for (let i = 0; i < 5; i++) {
    await refresher.refresh('a')
    await clock.advance(2 * second)
  }
  t.equal(refresher.explain('a')?.breaker.cause, 'denied')
  const calls = vault.calls.length
  await refresher.refresh('a')
  t.equal(vault.calls.length, calls, 'it was left alone')
  t.equal(aws.calls.length, 0)
  t.equal(cache.read('a').kind, 'not-loaded')
})

t.test('what a provider says that is asked second ends nothing that is held', async (t) => {
  for (const [kind, answer] of [
    ['missing', missing],
    ['denied', denied],
    ['throttled', throttled],
  ] as const) {
    const state: { vault: () => Answer } = { vault: () => fetched('CANARY-a') }
    const { clock, events, see } = createPair(t, { vault: () => state.vault(), aws: () => answer() })
    await settle()
    state.vault = () => unavailable()
    await clock.advance(minute)
    t.match(see('a'), /^(fresh|stale) CANARY-a$/, kind)
    const [failed] = events.of('failed')
    t.equal(failed?.error.kind, 'unavailable')
    t.equal(failed?.provider, 'vault')
    t.match(failed?.error.message, /the backend refuses connections; then the backend /)
  }
})

t.test('each refresh asks from the first on, and both ways are told once', async (t) => {
  const state: { vault: () => Answer } = { vault: () => unavailable() }
  const { clock, cache, events, see } = createPair(t, {
    vault: () => state.vault(),
    aws: () => fetched('CANARY-b'),
  })
  await clock.advance(10 * minute)
  const told = events.of('fellBack')
  t.ok(told.length >= 5, 'each refresh that a fallback served is told, to be counted')
  t.strictSame(
    told.map(({ begins }) => begins),
    told.map((_, index) => index === 0),
  )
  state.vault = () => fetched('CANARY-a')
  await clock.advance(2 * minute)
  t.equal(see('a'), 'fresh CANARY-a')
  t.match(cache.status('a'), { provider: 'vault', onFallback: false })
  t.match(events.of('cameBack'), [{ secret: 'a', provider: 'vault', from: 'aws' }])
  await clock.advance(10 * minute)
  t.equal(events.of('cameBack').length, 1)
})

t.test('while the first is down its breaker keeps it from being asked each time', async (t) => {
  const names = ['a', 'b', 'c', 'd', 'e', 'f']
  const rules = names.map((name) =>
    ruleOf(name, { provider: 'vault', fallback: [{ provider: 'aws', key: name }] }),
  )
  const { clock, vault, aws, cache } = createPair(
    t,
    { vault: () => unavailable(), aws: () => fetched('CANARY-b') },
    rules,
  )
  await clock.advance(60 * minute)
  t.ok(aws.calls.length >= 6 * 55, `${aws.calls.length} calls kept the secrets fresh`)
  t.ok(vault.calls.length < aws.calls.length / 3, `${vault.calls.length} calls to the one that is down`)
  for (const name of names) t.equal(cache.status(name)?.state, 'fresh')
})

t.test(
  'it is asked first again as soon as its breaker closes, long before the interval is over',
  async (t) => {
    const state: { vault: () => Answer } = { vault: () => fetched('CANARY-a') }
    const slow = ruleOf('a', { ...chained, refreshMs: 600 * minute, maxStaleMs: 6_000 * minute })
    const quick = ['b', 'c', 'd', 'e', 'f', 'g'].map((name) => ruleOf(name, { provider: 'vault' }))
    const { clock, cache, refresher } = createPair(
      t,
      { vault: () => state.vault(), aws: () => fetched('CANARY-b') },
      [slow, ...quick],
    )
    await settle()
    state.vault = () => unavailable()
    await clock.advance(5 * minute)
    await refresher.refresh('a')
    t.equal(cache.status('a')?.provider, 'aws')
    state.vault = () => fetched('CANARY-a')
    await clock.advance(5 * minute)
    t.equal(cache.status('a')?.provider, 'vault')
  },
)

t.test('the same bytes from another provider are no rotation, whatever the versions say', async (t) => {
  const state: { vault: () => Answer } = { vault: () => fetched('CANARY-same', { version: '7' }) }
  const { clock, cache, events, see } = createPair(t, {
    vault: () => state.vault(),
    aws: () => fetched('CANARY-same', { version: 'uuid' }),
  })
  await settle()
  const version = cache.status('a')?.version
  state.vault = () => unavailable()
  await clock.advance(2 * minute)
  t.match(cache.status('a'), { provider: 'aws', version, state: 'fresh' })
  state.vault = () => fetched('CANARY-same', { version: '8' })
  await clock.advance(2 * minute)
  t.match(cache.status('a'), { provider: 'vault', version })
  t.strictSame(events.of('rotated'), [])
  state.vault = () => fetched('CANARY-other', { version: '8' })
  await clock.advance(2 * minute)
  t.equal(see('a'), 'fresh CANARY-other')
  t.not(cache.status('a')?.version, version, 'other bytes have another version, also under the same name')
  t.equal(events.of('rotated').length, 1)
})

t.test('the same version of two providers never names different bytes', async (t) => {
  const state: { vault: () => Answer } = { vault: () => fetched('CANARY-a', { version: '1' }) }
  const { clock, cache } = createPair(t, {
    vault: () => state.vault(),
    aws: () => fetched('CANARY-b', { version: '1' }),
  })
  await settle()
  const version = cache.status('a')?.version
  state.vault = () => unavailable()
  await clock.advance(2 * minute)
  t.equal(cache.status('a')?.provider, 'aws')
  t.not(cache.status('a')?.version, version)
})

t.test('the field is the one that the place names which served', async (t) => {
  const rule = ruleOf('a', {
    provider: 'vault',
    field: 'password',
    fallback: [{ provider: 'aws', key: 'a', field: '/db/pass' }],
  })
  const state: { vault: () => Answer } = { vault: () => fetched('{"password":"CANARY-v"}') }
  const { clock, see } = createPair(
    t,
    { vault: () => state.vault(), aws: () => fetched('{"db":{"pass":"CANARY-w"}}') },
    [rule],
  )
  await settle()
  t.equal(see('a'), 'fresh CANARY-v')
  state.vault = () => unavailable()
  await clock.advance(2 * minute)
  t.equal(see('a'), 'fresh CANARY-w')
})

t.test('when no provider can be asked, the secret fails, and is back within the backoff', async (t) => {
  const state: { aws: () => Answer } = { aws: () => unavailable() }
  const { clock, events, see } = createPair(t, { vault: () => unavailable(), aws: () => state.aws() })
  await clock.advance(10 * minute)
  t.equal(see('a'), 'not-loaded')
  t.match(events.of('failed')[0], { provider: 'vault', secrets: ['a'], error: { kind: 'unavailable' } })
  state.aws = () => fetched('CANARY-b')
  await clock.advance(2 * minute)
  t.equal(see('a'), 'fresh CANARY-b')
})

t.test('a first provider that hangs costs its own time limit, and what is held stays fresh', async (t) => {
  const clock = new VirtualClock()
  const timeout = (): Promise<Answer> =>
    new Promise((resolve) => {
      const error = new ProviderError('unavailable', 'timeout', 'no answer within 10 s')
      clock.setTimer(() => resolve(error), 10 * second)
    })
  const vault = new KeyBackend(clock, timeout)
  const aws = new KeyBackend(clock, () => fetched('CANARY-b'))
  const backend = new Map([
    ['vault', vault],
    ['aws', aws],
  ])
  const { refresher, cache, events } = createRig(t, { rules: [chained], backend, clock })
  refresher.start()
  await clock.advance(11 * second)
  t.equal(cache.status('a')?.state, 'fresh')
  for (let i = 0; i < 60; i++) {
    await clock.advance(20 * second)
    t.equal(cache.status('a')?.state, 'fresh')
  }
  t.strictSame(
    events.of('stateChanged').map(({ to }) => to),
    ['fresh'],
  )
  t.ok(
    events
      .of('called')
      .every(({ provider, durationMs }) => durationMs === (provider === 'vault' ? 10_000 : 0)),
  )
  t.equal(refresher.explain('a')?.fallback?.[0]?.breaker.state, 'open')
  await clock.advance(2 * second)
  const before = vault.calls.length
  await refresher.refresh('a')
  t.equal(vault.calls.length, before, 'whoever waits does not wait for it')
})

t.test('fifty secrets over one list are one call of it', async (t) => {
  const clock = new VirtualClock()
  const vault = new KeyBackend(clock, () => unavailable())
  const names = Array.from({ length: 50 }, (_, index) => `s${index}`)
  const list = new ListBackend(clock, () => new Map(names.map((name) => [name, fetched(`CANARY-${name}`)])))
  const backend = new Map<string, Provider>([
    ['vault', vault],
    ['list', list],
  ])
  const rules = names.map((name) =>
    ruleOf(name, { provider: 'vault', fallback: [{ provider: 'list', key: name }] }),
  )
  const { refresher, see } = createRig(t, { rules, backend, clock })
  refresher.start()
  await clock.advance(second)
  for (const name of names) t.equal(see(name), `fresh CANARY-${name}`)
  t.ok(list.calls.length <= 2, `${list.calls.length} lists`)
  const before = list.calls.length
  await clock.advance(10 * minute)
  t.ok(list.calls.length - before <= 15, `${list.calls.length - before} lists in ten intervals`)
  for (const name of names) t.match(see(name), /^fresh/)
})

t.test('secrets with the same places share one fetch', async (t) => {
  const fallback = [{ provider: 'aws', key: 'db' }]
  const rules = ['user', 'password'].map((field) =>
    ruleOf(field, {
      provider: 'vault',
      key: 'db',
      field,
      fallback: fallback.map((place) => ({ ...place, field })),
    }),
  )
  const { aws, vault, see } = createPair(
    t,
    { vault: () => unavailable(), aws: () => fetched('{"user":"CANARY-u","password":"CANARY-p"}') },
    rules,
  )
  await settle()
  t.strictSame([vault.calls.length, aws.calls.length], [1, 1])
  t.strictSame([see('user'), see('password')], ['fresh CANARY-u', 'fresh CANARY-p'])
})

t.test('news from any of the providers bring a refresh', async (t) => {
  const clock = new VirtualClock()
  let text = 'CANARY-1'
  const vault = new WatchedBackend(clock, () => unavailable())
  const aws = new WatchedBackend(clock, () => fetched(text))
  const backend = new Map<string, Provider>([
    ['vault', vault],
    ['aws', aws],
  ])
  const { refresher, see } = createRig(t, { rules: [chained], backend, clock })
  refresher.start()
  await clock.advance(100)
  for (const news of [() => aws.changed('prod/a'), () => vault.changed('a'), () => aws.changed()]) {
    text = `${text}+`
    news()
    await clock.advance(100)
    t.equal(see('a'), `fresh ${text}`)
  }
  const calls = aws.calls.length
  aws.changed('another')
  await clock.advance(100)
  t.equal(aws.calls.length, calls, 'what is reported of another key is not asked for')
})

t.test('explain tells the chain: who serves, and why those before do not', async (t) => {
  const { refresher } = createPair(t, { vault: () => unavailable(), aws: () => fetched('CANARY-b') })
  await settle()
  t.match(refresher.explain('a'), {
    provider: 'aws',
    key: 'prod/a',
    fallback: [
      {
        provider: 'vault',
        key: 'a',
        serves: false,
        lastError: { kind: 'unavailable', reason: 'refused', message: 'the backend refuses connections' },
        breaker: { state: 'closed' },
      },
      { provider: 'aws', key: 'prod/a', serves: true, lastError: undefined },
    ],
  })
})

t.test('what is given up while the sidecar stops is not asked for elsewhere', async (t) => {
  const clock = new VirtualClock()
  const vault = new KeyBackend(clock, () => new Promise<Answer>(() => {}))
  const aws = new KeyBackend(clock, () => fetched('CANARY-b'))
  const backend = new Map([
    ['vault', vault],
    ['aws', aws],
  ])
  const { refresher, stop } = createRig(t, { rules: [chained], backend, clock })
  refresher.start()
  await settle()
  await stop()
  await settle()
  t.equal(aws.calls.length, 0)
})

t.test('a configuration that adds or removes a fallback keeps what is held', async (t) => {
  const state: { vault: () => Answer } = { vault: () => fetched('CANARY-a') }
  const plain = ruleOf('a', { provider: 'vault' })
  const { cache, clock, refresher, see, sources } = createPair(
    t,
    { vault: () => state.vault(), aws: () => fetched('CANARY-b') },
    [plain],
  )
  const apply = async (rule: typeof plain): Promise<void> => {
    const rules = new Rules([rule])
    cache.apply({ rules, maxEntries: 1_000, maxBytes: 2 ** 20, missingTtlMs: 10_000 })
    refresher.apply({ rules, sources })
    t.match(see('a'), /^fresh/)
    await clock.advance(5 * second)
  }
  await settle()
  state.vault = () => unavailable()
  await apply(chained)
  t.equal(see('a'), 'fresh CANARY-b')
  state.vault = () => fetched('CANARY-c')
  await apply(plain)
  t.equal(see('a'), 'fresh CANARY-c')
  t.match(cache.status('a'), { provider: 'vault' })
  t.notOk('onFallback' in (cache.status('a') ?? {}))
})
