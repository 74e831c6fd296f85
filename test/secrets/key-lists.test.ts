/** A provider lists keys without their values: what a pattern covers is discovered, and then fetched by key. */
import t from 'tap'
import type { ProviderError } from '../../src/secrets/provider.ts'
import type { Rule } from '../../src/secrets/rules.ts'
import { Rules } from '../../src/secrets/rules.ts'
import { Source } from '../../src/secrets/source.ts'
import type { KeyAnswer } from '../support/heart-backend.ts'
import { denied, fetched, missing, NamingBackend, throttled, unavailable } from '../support/heart-backend.ts'
import type { RigOptions } from '../support/heart-rig.ts'
import { createRig, hour, inWords, minute, ruleOf, second } from '../support/heart-rig.ts'
import { settle, VirtualClock } from '../support/virtual-clock.ts'

type Names = readonly string[] | ProviderError

function start(
  test: Parameters<typeof createRig>[0],
  rules: readonly Rule[],
  names: () => Names | Promise<Names>,
  more: Partial<RigOptions<VirtualClock>> & { answer?: (key: string) => KeyAnswer | Promise<KeyAnswer> } = {},
) {
  const { answer, ...options } = more
  const clock = new VirtualClock()
  const backend = new NamingBackend(clock, names, answer)
  const rig = createRig(test, { clock, backend, rules, ...options })
  rig.refresher.start()
  return { ...rig, backend }
}

const covered = (more: Partial<Rule> = {}): Rule => ruleOf('x/*', { key: 'x*', ...more })

t.test('what a list names is fetched by key, appears in lists, and is kept fresh', async (t) => {
  const rules = [
    ruleOf('a'),
    covered(),
    ruleOf('y/*', { key: 'y-*', refreshMs: 10 * minute, maxStaleMs: hour }),
  ]
  const { clock, backend, cache, see, events } = start(t, rules, () => ['a', 'x1', 'x2', 'y-1', 'unasked'])
  await clock.advance(0)
  t.same(['a', 'x/1', 'x/2', 'y/1', 'unasked'].map(see), [
    'fresh CANARY-a',
    'fresh CANARY-x1',
    'fresh CANARY-x2',
    'fresh CANARY-y-1',
    'not-found',
  ])
  t.same(backend.patterns[0]?.toSorted(), ['x*', 'y-*'])
  t.same(
    cache.statuses().map(({ name, declared }) => `${name} ${declared}`),
    ['a true', 'x/1 false', 'x/2 false', 'y/1 false'],
  )
  t.match(events.of('discovered'), [{ loaded: 3, failed: 0, hasMore: false }])
  backend.calls.length = 0
  for (let at = 0; at < 60; at += 1) {
    await clock.advance(minute)
    t.match(['x/1', 'x/2'].map(see), [/^fresh/, /^fresh/])
  }
  t.equal(backend.callsFor('unasked'), 0)
  const perHour = (key: string | undefined) => backend.calls.filter((call) => call.key === key).length
  t.ok(
    perHour(undefined) >= 61 && perHour(undefined) <= 74,
    `${perHour(undefined)} lists, by the shortest interval`,
  )
  t.ok(perHour('x1') >= 61 && perHour('x1') <= 74, `${perHour('x1')} calls`)
  t.ok(perHour('y-1') >= 6 && perHour('y-1') <= 8, `${perHour('y-1')} calls`)
  t.equal(backend.mostUnderWay, 1)
})

t.test('names that are new in a list are fetched, those that it lacks are asked for by key', async (t) => {
  let names = ['x1', 'x2']
  const gone = new Set<string>()
  const { clock, backend, see, events } = start(t, [covered()], () => names, {
    answer: (key) => (gone.has(key) ? missing() : fetched(`CANARY-${key}`)),
  })
  await clock.advance(0)
  names = ['x3']
  await clock.advance(minute)
  t.same(['x/1', 'x/2', 'x/3'].map(see), ['fresh CANARY-x1', 'fresh CANARY-x2', 'fresh CANARY-x3'])
  t.same(
    events.of('stateChanged').filter(({ to }) => to === 'missing'),
    [],
    'a list drops nothing',
  )
  gone.add('x1')
  await clock.advance(minute)
  t.notMatch(see('x/1'), 'CANARY')
  t.match(
    events.of('stateChanged').filter(({ to }) => to === 'missing'),
    [{ secret: 'x/1' }],
    'the backend does, when it is asked',
  )
  const calls = backend.callsFor('x1')
  await clock.advance(hour)
  t.equal(backend.callsFor('x1'), calls)
  t.ok(backend.callsFor('x2') > 60)
})

t.test('who asks for what a list lacks has it fetched by key', async (t) => {
  const { clock, backend, refresher, cache } = start(t, [covered()], () => [])
  await clock.advance(0)
  t.equal(cache.read('x/1').kind, 'undiscovered', 'the list rules nothing out')
  t.equal(inWords(await refresher.demand('x/1', second)), 'fresh CANARY-x1')
  t.same(backend.keys, ['x1'])
})

t.test('a caller who wants one that is waiting goes ahead, and no call is made twice', async (t) => {
  const ends: (() => void)[] = []
  const keys = Array.from({ length: 100 }, (_, at) => `x${at}`)
  const { clock, backend, refresher } = start(t, [covered()], () => keys, {
    limits: { maxConcurrentCalls: 4 },
    answer: (key) => new Promise((resolve) => ends.push(() => resolve(fetched(`CANARY-${key}`)))),
  })
  await settle()
  t.same(backend.keys, ['x0', 'x1'], 'half of the calls there may be are left to others')
  const asked = [refresher.demand('x/99', minute), refresher.demand('x/0', minute)]
  await settle()
  t.same(backend.keys, ['x0', 'x1', 'x99'])
  while (ends.length > 0) {
    for (const end of ends.splice(0)) end()
    await settle()
    await clock.advance(10)
  }
  t.same((await Promise.all(asked)).map(inWords), ['fresh CANARY-x99', 'fresh CANARY-x0'])
  t.same(backend.keys.toSorted(), keys.toSorted(), 'each once')
})

t.test('where one call takes several keys, they go together', async (t) => {
  const clock = new VirtualClock()
  const calls: number[] = []
  const keys = Array.from({ length: 100 }, (_, at) => `x${at}`)
  const backend = {
    batchSize: 10,
    listKeys: async () => keys,
    fetch: async (asked: readonly string[]) => {
      calls.push(asked.length)
      return new Map(asked.map((key) => [key, fetched(`CANARY-${key}`)]))
    },
  }
  const { refresher, cache } = createRig(t, { clock, backend, rules: [covered()] })
  refresher.start()
  await clock.advance(second)
  t.same(calls, Array(10).fill(10))
  t.equal(cache.stats().entries, 100)
  await clock.advance(hour)
  t.ok(calls.length < 10 * 75, `${calls.length} calls in an hour: what came together stays together`)
})

t.test('a list that names more than there is room for has as much fetched as fits, once', async (t) => {
  const keys = Array.from({ length: 100_000 }, (_, at) => `x${at}`)
  const { clock, backend, cache, refresher, see, events } = start(
    t,
    [covered({ refreshMs: 12 * hour, maxStaleMs: 100 * hour })],
    () => keys,
    { maxEntries: 50, limits: { maxCallsPerSecond: 10 } },
  )
  await clock.advance(4 * second)
  t.ok(
    backend.keys.length <= 50 && backend.keys.length >= 40,
    `${backend.keys.length} calls, at the pace of the budget`,
  )
  await clock.advance(10 * second)
  t.equal(backend.keys.length, 50)
  t.equal(cache.stats().entries, 50)
  t.match(events.of('discovered'), [{ loaded: 50, failed: 0, hasMore: true }])
  t.equal(see('x/60'), 'undiscovered')
  t.equal(
    inWords(await refresher.demand('x/60', second)),
    'fresh CANARY-x60',
    'still fetched when it is asked for',
  )
  t.equal(see('x/0'), 'undiscovered', 'in the place of the one that nobody read for longest')
  backend.calls.length = 0
  await clock.advance(5 * 24 * hour)
  const days = backend.calls.length / 5
  t.ok(backend.lists >= 10 && backend.lists <= 13, `${backend.lists} lists`)
  t.ok(days < 2.5 * 51, `${days} calls a day: none comes and goes`)
  t.equal(backend.callsFor('x0'), 0)
  t.equal(events.of('discovered').length, 1, 'told once')
})

t.test('values that are larger than expected do not come and go for ever', async (t) => {
  const keys = Array.from({ length: 40 }, (_, at) => `x${at}`)
  const { clock, backend, cache } = start(t, [covered({ refreshMs: 10 * minute })], () => keys, {
    maxBytes: 256 * 1024,
    answer: (key) => fetched(`CANARY-${key}`.padEnd(key === 'x3' ? 150_000 : 20_000 + 100 * key.length, '.')),
  })
  await clock.advance(10 * second)
  t.ok(cache.stats().entries >= 3, `${cache.stats().entries} are held`)
  t.ok(backend.keys.length <= 16, `${backend.keys.length} were fetched`)
  await clock.advance(hour)
  backend.calls.length = 0
  await clock.advance(24 * hour)
  const { entries } = cache.stats()
  t.ok(
    backend.keys.length <= entries * 6.2 * 24 * 1.25,
    `${backend.keys.length} calls a day for ${entries} that are held`,
  )
})

t.test('room that is there again is used for what was never fetched', async (t) => {
  const keys = ['x1', 'x2', 'x3', 'x4']
  const gone = new Set<string>()
  const { clock, see } = start(t, [covered()], () => keys.filter((key) => !gone.has(key)), {
    maxEntries: 2,
    answer: (key) => (gone.has(key) ? missing() : fetched(`CANARY-${key}`)),
  })
  await clock.advance(second)
  t.same(['x/1', 'x/2', 'x/3'].map(see), ['fresh CANARY-x1', 'fresh CANARY-x2', 'undiscovered'])
  gone.add('x1')
  await clock.advance(2 * minute)
  t.same(['x/2', 'x/3', 'x/4'].map(see), ['fresh CANARY-x2', 'fresh CANARY-x3', 'undiscovered'])
})

t.test(
  'a required pattern is loaded once all that its list named is, or is known to be missing, denied or unfit',
  async (t) => {
    let names: Names = unavailable()
    const answers: Record<string, () => KeyAnswer> = {
      x1: () => missing(),
      x2: () => denied(),
      x3: () => unavailable(),
      y1: () => unavailable(),
    }
    const { clock, cache, backend } = start(
      t,
      [covered({ required: true }), ruleOf('y/*', { key: 'y*' })],
      () => names,
      { answer: (key) => answers[key]?.() ?? fetched(`CANARY-${key}`) },
    )
    await clock.advance(10 * second)
    t.same(cache.required, { loadedOnce: false, held: false })
    names = ['y1', 'x1', 'x2', 'x3', 'x4']
    await clock.advance(minute)
    t.equal(backend.lists > 1, true)
    t.same(cache.required, { loadedOnce: false, held: false })
    t.same(backend.keys.slice(0, 4), ['x1', 'x2', 'x3', 'x4'], 'what is required goes first')
    delete answers.x3
    await clock.advance(30 * second)
    t.same(cache.required, { loadedOnce: true, held: true }, 'whatever is not required of it')
    names = ['x1', 'x2', 'x3', 'x4', 'x5']
    answers.x5 = () => unavailable()
    await clock.advance(5 * minute)
    t.same(cache.required, { loadedOnce: true, held: true }, 'what comes later takes nothing out of service')
  },
)

t.test('an empty list loads a required pattern', async (t) => {
  const { clock, cache } = start(t, [covered({ required: true })], () => [])
  await clock.advance(0)
  t.same(cache.required, { loadedOnce: true, held: true })
})

t.test(
  'a denied list leaves what is asked for by key working, is told once, and opens no breaker',
  async (t) => {
    let names: Names = denied()
    const { clock, backend, refresher, events, see } = start(t, [ruleOf('a'), covered()], () => names)
    await clock.advance(0)
    t.match(refresher.explain('x/1'), {
      state: 'undiscovered',
      lastError: { kind: 'denied', message: 'the backend denies the credential' },
      failures: 1,
    })
    t.equal(inWords(await refresher.demand('x/1', second)), 'fresh CANARY-x1')
    t.match(refresher.explain('x/1'), { state: 'fresh', lastError: undefined, failures: 0 })
    for (let at = 0; at < 120; at += 1) {
      await clock.advance(minute)
      t.match(['a', 'x/1'].map(see), [/^fresh/, /^fresh/])
    }
    t.ok(backend.lists > 20 && backend.lists < 120, `${backend.lists} lists in two hours`)
    t.same(events.of('breakerChanged'), [])
    t.match(events.of('failed'), [{ provider: 'p', secrets: ['x/*'], error: { kind: 'denied' }, attempt: 1 }])
    t.equal(events.of('failed').length, 1)
    t.equal(
      events.of('called').filter(({ outcome }) => outcome === 'denied').length,
      backend.lists,
      'each is counted',
    )
    names = ['x2']
    await clock.advance(5 * minute)
    t.equal(see('x/2'), 'fresh CANARY-x2')
    t.match(events.of('recovered'), [{ secrets: ['x/*'] }])
    names = denied()
    await clock.advance(5 * minute)
    t.equal(events.of('failed').length, 2, 'and told again when it is denied anew')
  },
)

t.test('a list that can be had does not end the breaker of keys that are denied', async (t) => {
  const { clock, backend, events, refresher } = start(
    t,
    [ruleOf('a'), ruleOf('b'), ruleOf('c'), covered()],
    () => ['x1', 'x2'],
    { answer: () => denied() },
  )
  await clock.advance(hour)
  t.match(events.of('breakerChanged'), [{ cause: 'denied', open: true }])
  t.ok(backend.keys.length < 60, `${backend.keys.length} calls for keys in an hour`)
  backend.answer = (key) => fetched(`CANARY-${key}`)
  await clock.advance(20 * minute)
  t.match(refresher.explain('a'), { state: 'fresh' })
  t.equal(events.of('breakerChanged').length, 2)
})

t.test('an outage is one for the list as for the keys, and ends for both', async (t) => {
  let isDown = true
  const { clock, backend, events, see } = start(
    t,
    [covered()],
    () => (isDown ? unavailable() : ['x1', 'x2']),
    { answer: (key) => (isDown ? unavailable() : fetched(`CANARY-${key}`)) },
  )
  await clock.advance(10 * minute)
  t.match(events.of('breakerChanged'), [{ cause: 'unavailable', open: true }])
  t.ok(backend.calls.length < 40, `${backend.calls.length} calls`)
  isDown = false
  await clock.advance(2 * minute)
  t.same(['x/1', 'x/2'].map(see), ['fresh CANARY-x1', 'fresh CANARY-x2'])
  isDown = true
  await clock.advance(10 * minute)
  isDown = false
  await clock.advance(4 * minute)
  t.same(['x/1', 'x/2'].map(see), ['fresh CANARY-x1', 'fresh CANARY-x2'])
})

t.test('a backend that fails while what it listed is fetched is left alone, and asked again', async (t) => {
  const keys = Array.from({ length: 200 }, (_, at) => `x${at}`)
  let isDown = false
  const { clock, backend, cache } = start(
    t,
    [covered({ refreshMs: hour, maxStaleMs: 24 * hour })],
    () => keys,
    {
      answer: (key) => (isDown ? unavailable() : fetched(`CANARY-${key}`)),
      limits: { maxCallsPerSecond: 20 },
    },
  )
  await clock.advance(2 * second)
  isDown = true
  await clock.advance(second)
  const held = cache.stats().entries
  t.ok(held > 20 && held < 150, `${held} are held`)
  const calls = backend.calls.length
  await clock.advance(5 * minute)
  t.ok(backend.calls.length - calls < 40, `${backend.calls.length - calls} calls in five minutes`)
  isDown = false
  await clock.advance(6 * minute)
  t.equal(cache.stats().entries, 200)
})

t.test('a backend that asks for fewer calls gets none before its time', async (t) => {
  const keys = Array.from({ length: 50 }, (_, at) => `x${at}`)
  let asked = 0
  const { clock, backend, cache } = start(t, [covered({ refreshMs: hour })], () => keys, {
    answer: (key) => {
      asked += 1
      return asked === 10 ? throttled(30 * second) : fetched(`CANARY-${key}`)
    },
  })
  await clock.advance(29 * second)
  const early = backend.keys.length
  t.ok(early < 20, `${early} calls`)
  await clock.advance(10 * second)
  t.equal(cache.stats().entries, 50)
})

t.test('what is denied or unfit is not asked for again with every list', async (t) => {
  const { clock, backend, see } = start(
    t,
    [covered({ refreshMs: 10 * second }), ruleOf('a', { refreshMs: second, maxStaleMs: hour })],
    () => ['x1', 'x2', 'x3'],
    {
      answer: (key) =>
        key === 'x1'
          ? denied()
          : key === 'x2'
            ? fetched('CANARY-large'.padEnd(100_000))
            : fetched(`CANARY-${key}`),
      maxBytes: 50_000,
    },
  )
  await clock.advance(hour)
  t.ok(backend.lists > 300, `${backend.lists} lists`)
  for (const key of ['x1', 'x2']) {
    const calls = backend.callsFor(key)
    t.ok(calls >= 10 && calls <= 13, `${calls} calls for ${key}`)
  }
  t.match(see('x/3'), /^fresh/)
})

t.test(
  'changes that a backend reports: without a key it is listed again, with one that is new that is fetched',
  async (t) => {
    const clock = new VirtualClock()
    let names = ['x1']
    let changed: (key?: string) => void = () => {}
    const backend = new NamingBackend(clock, () => names)
    const watching = Object.assign(backend, {
      watch: (report: (key?: string) => void, signal: AbortSignal) => {
        changed = report
        return new Promise<void>((resolve) =>
          signal.addEventListener('abort', () => resolve(), { once: true }),
        )
      },
    })
    const rules = [covered({ refreshMs: hour, maxStaleMs: 24 * hour })]
    const { refresher, see } = createRig(t, { clock, backend: watching, rules })
    refresher.start()
    await clock.advance(second)
    names = ['x1', 'x2']
    changed()
    await clock.advance(second)
    t.equal(see('x/2'), 'fresh CANARY-x2')
    const { lists } = backend
    for (let at = 0; at < 10; at += 1) changed('x3')
    changed('nothing-of-ours')
    await clock.advance(second)
    t.equal(see('x/3'), 'fresh CANARY-x3')
    t.equal(backend.lists, lists, 'for which nothing has to be listed')
    t.ok(backend.callsFor('x3') <= 2, 'once more, since the first may have read what was before')
    backend.answer = () => missing()
    for (let at = 0; at < 100; at += 1) {
      changed('x4')
      await clock.advance(10)
    }
    t.equal(backend.callsFor('x4'), 1, 'one that is missing is not asked for at each report')
    changed('x1')
    await clock.advance(second)
    t.notMatch(see('x/1'), 'CANARY')
  },
)

t.test('keys that make no fit name, or that another rule wins, are passed over', async (t) => {
  const rules = [ruleOf('*'), ruleOf('x/1', { key: 'other' })]
  const { clock, cache, backend } = start(t, rules, () => [
    'ok',
    '../up',
    'a//b',
    'line\nbreak',
    '',
    'x/1',
    'ok',
  ])
  await clock.advance(0)
  t.same(
    cache.statuses().map(({ name }) => name),
    ['ok', 'x/1'],
  )
  t.same(backend.keys, ['other', 'ok'])
})

t.test('refreshing everything once lists, fetches what is named, and tells of each', async (t) => {
  const clock = new VirtualClock()
  let names: Names = ['x1', 'x2', 'x3']
  const backend = new NamingBackend(
    clock,
    () => names,
    (key) => (key === 'x2' ? denied() : fetched(`CANARY-${key}`)),
  )
  // As `sidekeep check --connect` does it: nothing is started.
  const { refresher } = createRig(t, { clock, backend, rules: [ruleOf('a'), covered()] })
  const told = async () =>
    (await refresher.refreshAll()).map(({ name, result }) => `${name} ${result.outcome}`)
  const first = told()
  await clock.advance(second)
  t.same(await first, ['a rotated', 'x/1 rotated', 'x/2 failed', 'x/3 rotated'])
  t.same(backend.keys.toSorted(), ['a', 'x1', 'x2', 'x3'], 'each is asked for once')
  names = denied()
  await clock.advance(2 * second)
  const second_ = told()
  await clock.advance(second)
  t.same(await second_, ['a unchanged', 'x/* failed', 'x/1 unchanged', 'x/3 unchanged'])
})

t.test('refreshing everything does not hang on a backend that goes away meanwhile', async (t) => {
  const clock = new VirtualClock()
  const keys = Array.from({ length: 20 }, (_, at) => `x${at}`)
  const backend = new NamingBackend(
    clock,
    () => keys,
    (key) => (Number(key.slice(1)) < 8 ? fetched(`CANARY-${key}`) : unavailable()),
  )
  const { refresher } = createRig(t, { clock, backend, rules: [covered()] })
  const all = refresher.refreshAll()
  await clock.advance(0)
  const results = await all
  t.equal(results.length, 20, 'those that nobody came to are told of too')
  t.equal(results.filter(({ result }) => result.outcome === 'failed').length, 12)
})

t.test('a stop ends it all', async (t) => {
  const keys = Array.from({ length: 20 }, (_, at) => `x${at}`)
  const { clock, backend, refresher, stop } = start(t, [covered()], () => keys, {
    answer: () => new Promise(() => {}),
  })
  await settle()
  const all = refresher.refreshAll()
  await settle()
  await stop()
  t.equal(clock.pending, 0)
  const { length } = backend.calls
  await clock.advance(hour)
  t.equal(backend.calls.length, length)
  t.ok(Array.isArray(await all))
})

t.test('a key that is declared too is not asked for twice in a row', async (t) => {
  const clock = new VirtualClock()
  const backend = new NamingBackend(clock, () => ['k', 'l'])
  const rules = [ruleOf('a', { key: 'k' }), ruleOf('x/*', { key: '*' })]
  const { refresher, see } = createRig(t, { clock, backend, rules })
  const all = refresher.refreshAll()
  await clock.advance(999)
  t.same(backend.keys, ['k', 'l'])
  t.equal(see('x/k'), 'undiscovered')
  await clock.advance(1)
  t.equal(see('x/k'), 'fresh CANARY-k')
  t.same(
    (await all).map(({ name }) => name),
    ['a', 'x/k', 'x/l'],
  )
})

t.test('what is listed and missing after all is asked for with a list a minute later', async (t) => {
  const { clock, backend } = start(t, [covered({ refreshMs: 5 * second })], () => ['x1'], {
    answer: () => missing(),
  })
  await clock.advance(hour)
  t.ok(backend.lists > 600, `${backend.lists} lists`)
  t.ok(backend.keys.length >= 50 && backend.keys.length <= 60, `${backend.keys.length} calls`)
})

t.test(
  'a changed configuration in the middle: what is still covered goes on, the rest is dropped',
  async (t) => {
    const keys = Array.from({ length: 10 }, (_, at) => [`x${at}`, `y${at}`]).flat()
    const { clock, backend, cache, refresher, sources, see } = start(
      t,
      [covered({ required: true }), ruleOf('y/*', { key: 'y*', required: true })],
      () => keys,
      { limits: { maxCallsPerSecond: 4 } },
    )
    await clock.advance(second)
    t.ok(cache.stats().entries > 2 && cache.stats().entries < 10)
    t.notOk(cache.required.loadedOnce)
    const rules = new Rules([covered({ required: true })])
    cache.apply({ rules, maxEntries: 100, maxBytes: 1e6, missingTtlMs: second })
    refresher.apply({ rules, sources })
    const asked = backend.keys.filter((key) => key?.startsWith('y')).length
    await clock.advance(10 * second)
    for (let at = 0; at < 10; at += 1) t.equal(see(`x/${at}`), `fresh CANARY-x${at}`)
    t.equal(see('y/9'), 'not-found')
    t.ok(backend.keys.filter((key) => key?.startsWith('y')).length <= asked + 4)
    // The list was read for other patterns: the next one counts.
    await clock.advance(minute)
    t.ok(cache.required.loadedOnce)
  },
)

t.test('a provider that takes the place of another is asked what it has', async (t) => {
  const { clock, backend, cache, refresher, sources, see } = start(t, [covered()], () => ['x1'])
  await clock.advance(second)
  const other = new NamingBackend(
    clock,
    () => ['x1', 'x2'],
    (key) => fetched(`CANARY-other-${key}`),
  )
  const former = sources.get('p')
  sources.set('p', new Source('p', other, clock, { random: () => 0.5 }))
  const rules = new Rules([covered()])
  cache.apply({ rules, maxEntries: 100, maxBytes: 1e6, missingTtlMs: second })
  refresher.apply({ rules, sources: new Map(sources) })
  await former?.close()
  const calls = backend.calls.length
  await clock.advance(5 * second)
  t.same(['x/1', 'x/2'].map(see), ['fresh CANARY-other-x1', 'fresh CANARY-other-x2'])
  t.equal(backend.calls.length, calls)
})

t.test('two that have no room beside each other do not take turns', async (t) => {
  const small = Array.from({ length: 40 }, (_, at) => `x${at}`)
  const { clock, backend, cache, events } = start(t, [covered()], () => ['xA', ...small, 'xB'], {
    maxBytes: 256 * 1024,
    answer: (key) => fetched(`CANARY-${key}`.padEnd(small.includes(key) ? 2_000 : 100_000, '.')),
  })
  await clock.advance(10 * second)
  const loads = (name: string) => events.of('loaded').filter(({ secret }) => secret === name).length
  t.same([loads('x/A'), loads('x/B')], [1, 1])
  backend.calls.length = 0
  for (let at = 0; at < 60; at += 1) {
    // What is read is not what goes first.
    for (const key of small) cache.read(key.replace('x', 'x/'))
    await clock.advance(minute)
  }
  t.same([loads('x/A'), loads('x/B')], [1, 1])
  t.equal(backend.callsFor('xA'), 0)
  t.ok(backend.callsFor('xB') > 60)
})

t.test('that a turn did not come in time is no failure to recover from', async (t) => {
  const rules = [ruleOf('a', { key: 'x9', refreshMs: 2 * hour, maxStaleMs: 4 * hour }), covered()]
  let names: string[] = []
  const limits = { maxCallsPerSecond: 1 }
  const { clock, backend, refresher, events } = start(t, rules, () => names, { limits })
  await clock.advance(30 * second)
  const before = backend.callsFor('x9')
  // What the list names waits for its turn while the machine sleeps, and so does what a declared secret has too.
  names = ['x1', 'x2', 'x9']
  while (backend.callsFor('x1') === 0) await clock.advance(100)
  t.equal(backend.callsFor('x9'), before)
  clock.suspend(hour / 2)
  await clock.advance(100)
  t.match(refresher.explain('a'), { failures: 0, lastError: undefined })
  await clock.advance(10 * minute)
  t.ok(backend.callsFor('x9') > before)
  t.same(events.of('failed'), [])
  t.same(events.of('recovered'), [])
})
