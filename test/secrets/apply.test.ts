import t from 'tap'
import type { Random } from '../../src/secrets/clock.ts'
import type { Provider } from '../../src/secrets/provider.ts'
import type { Rule } from '../../src/secrets/rules.ts'
import { Rules } from '../../src/secrets/rules.ts'
import { Source } from '../../src/secrets/source.ts'
import type { Answer, Listing } from '../support/heart-backend.ts'
import {
  fetched,
  KeyBackend,
  ListBackend,
  throttled,
  unavailable,
  WatchedBackend,
} from '../support/heart-backend.ts'
import { createRig, hour, inWords, minute, ruleOf, second } from '../support/heart-rig.ts'
import { settle, VirtualClock } from '../support/virtual-clock.ts'

type Test = Parameters<typeof createRig>[0]

/** The heart with a configuration that changes, as the composition root changes it. */
function start(
  test: Test,
  backends: Record<string, Provider>,
  rules: Rule[],
  { clock = new VirtualClock(), random = () => 0.5 }: { clock?: VirtualClock; random?: Random } = {},
) {
  const rig = createRig(test, { clock, backend: new Map(Object.entries(backends)), rules, random })
  rig.refresher.start()
  return rig
}

/** @param backends those that are new or replaced; undefined: gone */
async function apply(
  rig: ReturnType<typeof start>,
  rules: Rule[],
  backends: Record<string, Provider | undefined> = {},
): Promise<void> {
  const sources = new Map(rig.sources)
  for (const [name, backend] of Object.entries(backends)) {
    if (backend === undefined) sources.delete(name)
    else sources.set(name, new Source(name, backend, rig.clock, { random: () => 0.5 }))
  }
  const former = [...rig.sources].filter(([name, source]) => sources.get(name) !== source)
  const compiled = new Rules(rules)
  rig.cache.apply({
    rules: compiled,
    maxEntries: 1_000,
    maxBytes: 64 * 1024 * 1024,
    missingTtlMs: 10 * second,
  })
  rig.refresher.apply({ rules: compiled, sources })
  rig.sources.clear()
  for (const [name, source] of sources) rig.sources.set(name, source)
  for (const [, source] of former) await source.close()
  await settle()
}

const say =
  (text: string) =>
  (key: string): Answer =>
    fetched(`CANARY-${text}-${key}`)

t.test('a secret that is added is fetched at once, one that is removed is asked for no more', async (t) => {
  const clock = new VirtualClock()
  const p = new KeyBackend(clock, say('p'))
  const rig = start(t, { p }, [ruleOf('a'), ruleOf('b')], { clock })
  await clock.advance(10 * second)
  await apply(rig, [ruleOf('b'), ruleOf('c')])
  t.same(['a', 'b', 'c'].map(rig.see), ['not-found', 'fresh CANARY-p-b', 'fresh CANARY-p-c'])
  t.equal(p.callsFor('b'), 1, 'what stays goes on as before')
  await clock.advance(hour)
  t.equal(p.callsFor('a'), 1)
  t.ok(p.callsFor('b') > 60 && p.callsFor('c') > 60)
  t.equal(rig.refresher.explain('a'), undefined)
})

t.test('what stays keeps its time, its failures and its run', async (t) => {
  const clock = new VirtualClock()
  let answer: (answer: Answer) => void = () => {}
  const p = new KeyBackend(clock, (key) => {
    if (key === 'bad') return unavailable()
    if (key !== 'slow') return fetched('CANARY-1')
    const { promise, resolve } = Promise.withResolvers<Answer>()
    answer = resolve
    return promise
  })
  const rules = [ruleOf('a'), ruleOf('bad', { maxStaleMs: 2 * hour }), ruleOf('slow')]
  const rig = start(t, { p }, rules, { clock })
  await clock.advance(4 * second)
  const before = ['a', 'bad', 'slow'].map(rig.refresher.explain.bind(rig.refresher))
  await apply(rig, [...rules, ruleOf('new')])
  t.same(['a', 'bad', 'slow'].map(rig.refresher.explain.bind(rig.refresher)), before)
  t.equal(p.callsFor('slow'), 1)
  answer(fetched('CANARY-slow'))
  await settle()
  t.equal(rig.see('slow'), 'fresh CANARY-slow')
})

t.test(
  'another interval counts from the last success: sooner where it is shorter, later where it is longer',
  async (t) => {
    const clock = new VirtualClock()
    const p = new KeyBackend(clock, say('p'))
    const rig = start(t, { p }, [ruleOf('a', { refreshMs: hour, maxStaleMs: 24 * hour })], { clock })
    await clock.advance(minute)
    await apply(rig, [ruleOf('a', { refreshMs: 10 * minute, maxStaleMs: 24 * hour })])
    // Anywhere in the new interval, since all that was deployed together changes it together.
    const first = 0.459 * 10 * minute
    await clock.advance(first - minute - 1)
    t.same(p.times, [0])
    await clock.advance(1)
    t.same(p.times, [0, first])
    await apply(rig, [ruleOf('a', { refreshMs: 2 * hour, maxStaleMs: 24 * hour })])
    await clock.advance(0.459 * 2 * hour)
    t.same(p.times.map(Math.round), [0, first, first + 0.459 * 2 * hour])
  },
)

t.test('a thousand secrets that are overdue by the new interval are not fetched in one moment', async (t) => {
  const clock = new VirtualClock()
  const p = new KeyBackend(clock, say('p'))
  const rules = (refreshMs: number): Rule[] =>
    Array.from({ length: 500 }, (_, at) => ruleOf(`s${at}`, { refreshMs, maxStaleMs: 24 * hour }))
  let state = 7
  const random = (): number => {
    state = (state * 1_664_525 + 1_013_904_223) % 2 ** 32
    return state / 2 ** 32
  }
  const rig = start(t, { p }, rules(10 * hour), { clock, random })
  await clock.advance(10 * second)
  await clock.advance(5 * minute)
  p.calls.length = 0
  const since = clock.now()
  await apply(rig, rules(2 * minute))
  await clock.advance(minute)
  const fetchedOnce = new Set(p.calls.map(({ key }) => key)).size
  t.ok(fetchedOnce >= 480, `${fetchedOnce} of them in the minute after`)
  t.ok(
    p.calls.length < 1.5 * fetchedOnce,
    'few of them twice: from then on they are anywhere in the interval',
  )
  t.ok(p.times.filter((time) => time - since < second).length < 25)
})

t.test(
  'a provider that is replaced under its name keeps what is held, and is asked within two seconds',
  async (t) => {
    const clock = new VirtualClock()
    const before = new KeyBackend(clock, say('before'))
    const rules = [ruleOf('a'), ruleOf('b')]
    const rig = start(t, { p: before }, rules, { clock })
    await clock.advance(10 * second)
    const after = new KeyBackend(clock, say('after'))
    await apply(rig, rules, { p: after })
    t.same(['a', 'b'].map(rig.see), ['fresh CANARY-before-a', 'fresh CANARY-before-b'])
    t.equal(after.calls.length, 0)
    await clock.advance(2 * second)
    t.same(['a', 'b'].map(rig.see), ['fresh CANARY-after-a', 'fresh CANARY-after-b'])
    await clock.advance(hour)
    t.equal(before.calls.length, 2)
    t.equal(before.closed, 1)
  },
)

t.test('what is held stays while the new place does not answer', async (t) => {
  const clock = new VirtualClock()
  const rules = [ruleOf('a')]
  const rig = start(t, { p: new KeyBackend(clock, say('before')) }, rules, { clock })
  await clock.advance(10 * second)
  await apply(rig, rules, { p: new KeyBackend(clock, () => unavailable()) })
  await clock.advance(minute)
  t.equal(rig.see('a'), 'stale CANARY-before-a')
})

t.test(
  'a run under way at a source that is replaced says nothing; who waits for it gets the new answer',
  async (t) => {
    const clock = new VirtualClock()
    const { promise, resolve } = Promise.withResolvers<Answer>()
    const before = new KeyBackend(clock, () => promise)
    const rules = [ruleOf('a'), ruleOf('x/*')]
    const rig = start(t, { p: before }, rules, { clock })
    const forced = rig.refresher.refresh('a')
    const demanded = rig.refresher.demand('x/1', minute)
    await clock.advance(second)
    const after = new KeyBackend(clock, say('after'))
    await apply(rig, rules, { p: after })
    resolve(fetched('CANARY-late'))
    t.match(await forced, { outcome: 'rotated' })
    await clock.advance(2 * second)
    t.equal(rig.see('a'), 'fresh CANARY-after-a')
    t.match(await demanded, { kind: /held|not-loaded/ })
    t.equal(after.mostUnderWay, 1)
    t.same(rig.events.of('failed'), [])
    t.equal(inWords(await rig.refresher.demand('x/1', second)), 'fresh CANARY-after-x/1')
  },
)

t.test('a rule may name another provider or key: the held value stays until that one answers', async (t) => {
  const clock = new VirtualClock()
  const p = new KeyBackend(clock, say('p'))
  const q = new KeyBackend(clock, say('q'))
  const rig = start(t, { p, q }, [ruleOf('a'), ruleOf('b')], { clock })
  await clock.advance(10 * second)
  await apply(rig, [ruleOf('a', { provider: 'q' }), ruleOf('b', { key: 'b2' })])
  t.same(['a', 'b'].map(rig.see), ['fresh CANARY-p-a', 'fresh CANARY-p-b'])
  await clock.advance(2 * second)
  t.same(['a', 'b'].map(rig.see), ['fresh CANARY-q-a', 'fresh CANARY-p-b2'])
  await clock.advance(hour)
  t.same([p.callsFor('a'), p.callsFor('b'), q.callsFor('b')], [1, 1, 0])
})

t.test('another field of the same key is fetched soon', async (t) => {
  const clock = new VirtualClock()
  const p = new KeyBackend(clock, () => fetched('{"a":"CANARY-a","b":"CANARY-b"}'))
  const rig = start(t, { p }, [ruleOf('s', { field: 'a' })], { clock })
  await clock.advance(10 * second)
  await apply(rig, [ruleOf('s', { field: 'b' })])
  t.equal(rig.see('s'), 'fresh CANARY-a')
  await clock.advance(2 * second)
  t.equal(rig.see('s'), 'fresh CANARY-b')
})

t.test(
  'a name that joins a key that is fetched already is fetched at once, without a second schedule',
  async (t) => {
    const clock = new VirtualClock()
    const p = new KeyBackend(clock, () => fetched('{"a":"CANARY-a"}'))
    const rig = start(t, { p }, [ruleOf('s')], { clock })
    await clock.advance(10 * second)
    await apply(rig, [ruleOf('s'), ruleOf('t', { key: 's', field: 'a' })])
    t.equal(rig.see('t'), 'fresh CANARY-a')
    t.equal(p.calls.length, 2)
    await clock.advance(hour)
    t.ok(p.calls.length < 75)
  },
)

t.test('pattern secrets that are held stay, and go with their pattern', async (t) => {
  const clock = new VirtualClock()
  const p = new KeyBackend(clock, say('p'))
  const rig = start(t, { p }, [ruleOf('x/*'), ruleOf('y/*')], { clock })
  await rig.refresher.demand('x/1', second)
  await rig.refresher.demand('y/1', second)
  await apply(rig, [ruleOf('x/*')])
  t.same(['x/1', 'y/1'].map(rig.see), ['fresh CANARY-p-x/1', 'not-found'])
  await clock.advance(hour)
  t.ok(p.callsFor('x/1') > 60)
  t.equal(p.callsFor('y/1'), 1)
  await apply(rig, [ruleOf('x/1')])
  t.equal(rig.see('x/1'), 'fresh CANARY-p-x/1', 'declared now, with what was held')
})

t.test('a pattern over a list that is added is swept at once, and ends with its rule', async (t) => {
  const clock = new VirtualClock()
  const list = new ListBackend(clock, () => new Map([['x1', fetched('CANARY-x1')]]))
  const p = new KeyBackend(clock, say('p'))
  const rig = start(t, { p }, [ruleOf('a')], { clock })
  await clock.advance(second)
  await apply(rig, [ruleOf('a'), ruleOf('x/*', { provider: 'l', key: 'x*' })], { l: list })
  t.equal(rig.see('x/1'), 'fresh CANARY-x1')
  await apply(rig, [ruleOf('a')], { l: undefined })
  t.equal(rig.see('x/1'), 'not-found')
  const { length } = list.calls
  await clock.advance(hour)
  t.equal(list.calls.length, length)
  t.equal(list.closed, 1)
})

t.test('a pattern that is added to a list which is fetched already is swept at once', async (t) => {
  const clock = new VirtualClock()
  const list = new ListBackend(clock, () => new Map(['a', 'x1'].map((key) => [key, say('l')(key)])))
  const rig = start(t, { p: list }, [ruleOf('a')], { clock })
  await clock.advance(second)
  await apply(rig, [ruleOf('a'), ruleOf('x/*', { key: 'x*' })])
  t.equal(rig.see('x/1'), 'fresh CANARY-l-x1')
  t.equal(list.calls.length, 2)
})

t.test('a provider that is replaced by one that lists, and back again, changes its calls', async (t) => {
  const clock = new VirtualClock()
  const keys = new KeyBackend(clock, say('k'))
  const rules = [ruleOf('a'), ruleOf('b')]
  const rig = start(t, { p: keys }, rules, { clock })
  await clock.advance(second)
  const list = new ListBackend(clock, () => new Map(['a', 'b'].map((key) => [key, say('l')(key)])))
  await apply(rig, rules, { p: list })
  await clock.advance(2 * second)
  t.same(['a', 'b'].map(rig.see), ['fresh CANARY-l-a', 'fresh CANARY-l-b'])
  t.equal(list.calls.length, 1)
  const again = new KeyBackend(clock, say('k2'))
  await apply(rig, rules, { p: again })
  await clock.advance(2 * second)
  t.same(['a', 'b'].map(rig.see), ['fresh CANARY-k2-a', 'fresh CANARY-k2-b'])
})

t.test('watches of new sources begin, those of former ones end', async (t) => {
  const clock = new VirtualClock()
  const before = new WatchedBackend(clock, say('before'))
  const rules = [ruleOf('a')]
  const rig = start(t, { p: before }, rules, { clock })
  await clock.advance(second)
  before.fail(unavailable())
  await settle()
  const after = new WatchedBackend(clock, say('after'))
  await apply(rig, rules, { p: after })
  await clock.advance(3 * second)
  t.equal(before.watches.length, 1, 'nor is the one that failed tried again')
  t.equal(after.watches.length, 1)
  const { length } = after.calls
  before.changed('a')
  await clock.advance(second)
  t.equal(after.calls.length, length, 'what a former source reports is for nobody')
  after.changed('a')
  await clock.advance(second)
  t.equal(after.calls.length, length + 1)
})

t.test('a source that stays throttled is left alone over a change', async (t) => {
  const clock = new VirtualClock()
  const p = new KeyBackend(clock, () => throttled(10 * minute))
  const rig = start(t, { p }, [ruleOf('a')], { clock })
  await clock.advance(second)
  await apply(rig, [ruleOf('a', { refreshMs: 5 * second }), ruleOf('b')])
  await clock.advance(9 * minute)
  t.equal(p.calls.length, 1)
})

t.test('the breaker of a source that stays goes on being probed by what is left', async (t) => {
  const clock = new VirtualClock()
  const p = new KeyBackend(clock, () => unavailable())
  const names = Array.from({ length: 10 }, (_, at) => `s${at}`)
  const rig = start(
    t,
    { p },
    names.map((name) => ruleOf(name)),
    { clock },
  )
  await clock.advance(10 * minute)
  for (let left = 9; left > 0; left -= 1) {
    await apply(
      rig,
      names.slice(0, left).map((name) => ruleOf(name)),
    )
    const { length } = p.calls
    await clock.advance(61 * second)
    t.ok(p.calls.length > length, `probed with ${left} left`)
  }
})

t.test('a change before the start fetches nothing, and a change after the stop neither', async (t) => {
  const clock = new VirtualClock()
  const p = new KeyBackend(clock, say('p'))
  const rig = createRig(t, { clock, backend: p, rules: [ruleOf('a')] })
  await apply(rig, [ruleOf('b')])
  await clock.advance(hour)
  t.equal(p.calls.length, 0)
  rig.refresher.start()
  await settle()
  t.same(
    p.calls.map(({ key }) => key),
    ['b'],
  )
  rig.refresher.stop()
  await apply(rig, [ruleOf('a'), ruleOf('b')])
  await clock.advance(hour)
  t.equal(p.calls.length, 1)
})

t.test('changes without end leave nothing behind', async (t) => {
  const clock = new VirtualClock()
  const p = new KeyBackend(clock, say('p'))
  const rig = start(t, { p }, [ruleOf('a')], { clock })
  for (let round = 0; round < 50; round += 1) {
    await apply(rig, [ruleOf(`s${round}`)], { p: new KeyBackend(clock, say(`${round}`)) })
    await clock.advance(second)
  }
  t.same(
    (await rig.refresher.refreshAll()).map(({ name }) => name),
    ['s49'],
  )
  t.equal(rig.cache.stats().entries, 1)
  t.ok(clock.pending <= 4, `${clock.pending} timers`)
})

t.test('whoever waits for a place that was left and taken again is answered all the same', async (t) => {
  const clock = new VirtualClock()
  const slow = Promise.withResolvers<Answer>()
  const p = new KeyBackend(clock, () => slow.promise)
  const q = new ListBackend(clock, () => new Map())
  const rig = start(t, { p, q }, [ruleOf('x/*', { key: 'x/*' })], { clock })
  const refreshed = rig.refresher.refresh('x/1')
  await settle()
  await apply(rig, [ruleOf('x/*', { key: 'x/*', provider: 'q' })])
  await apply(rig, [ruleOf('x/*', { key: 'x/*' })])
  slow.resolve(fetched('CANARY-late'))
  await clock.advance(second)
  t.match(await refreshed, { outcome: 'failed', error: { reason: 'aborted' } })
})

t.test('a report that waits for its call is about the place that the secret has then', async (t) => {
  const clock = new VirtualClock()
  const p = new KeyBackend(clock, say('p'))
  const q = new KeyBackend(clock, say('q'))
  const rig = start(t, { p, q }, [ruleOf('a')], { clock })
  await clock.advance(100)
  const reported = rig.refresher.rejected('a', rig.cache.status('a')?.version ?? '')
  await settle()
  await apply(rig, [ruleOf('a', { provider: 'q' })])
  await clock.advance(2 * second)
  t.match(await reported, { outcome: 'held', changed: true })
  t.equal(rig.see('a'), 'fresh CANARY-q-a')
  await clock.advance(hour)
  t.equal(p.calls.length, 1, 'the place that it had is not asked again')
})

t.test(
  'what leaves and comes back while its call is under way is asked for after it, not beside it',
  async (t) => {
    const answers: ((listing: Listing) => void)[] = []
    const clock = new VirtualClock()
    const list = new ListBackend(clock, () => new Promise<Listing>((resolve) => answers.push(resolve)))
    const other = new KeyBackend(clock, () => fetched('CANARY-other-1'))
    const rig = start(t, { p: list, q: other }, [ruleOf('x/*')], { clock })
    await settle()
    await apply(rig, [ruleOf('x/*', { provider: 'q' })])
    await apply(rig, [ruleOf('x/*')])
    t.equal(list.times.length, 1)
    answers[0]?.(new Map([['x/a', fetched('CANARY-before-1')]]))
    await settle()
    t.equal(list.times.length, 2)
    t.not(rig.see('x/a'), 'fresh CANARY-before-1', 'what was asked before is for nobody')
    answers[1]?.(new Map([['x/a', fetched('CANARY-after-1')]]))
    await settle()
    t.equal(rig.see('x/a'), 'fresh CANARY-after-1')
    t.equal(list.mostUnderWay, 1)
  },
)
