import t from 'tap'
import { Rules } from '../../src/secrets/rules.ts'
import type { Answer } from '../support/heart-backend.ts'
import { fetched, KeyBackend, unavailable } from '../support/heart-backend.ts'
import { createRig, hour, inWords, minute, ruleOf, second } from '../support/heart-rig.ts'
import { settle, VirtualClock } from '../support/virtual-clock.ts'

/** A backend that takes one call at a time, and answers when the test likes. */
function start(test: Parameters<typeof createRig>[0], rules = [ruleOf('x/*')]) {
  const clock = new VirtualClock()
  const answers: ((answer: Answer) => void)[] = []
  const backend = new KeyBackend(clock, () => {
    const { promise, resolve } = Promise.withResolvers<Answer>()
    answers.push(resolve)
    return promise
  })
  const rig = createRig(test, { clock, backend, rules, limits: { maxConcurrentCalls: 1 } })
  const answer = async (value: Answer = fetched('CANARY-1')): Promise<void> => {
    answers.shift()?.(value)
    await settle()
  }
  return { ...rig, backend, answer, asked: () => backend.calls.map(({ key }) => key) }
}

t.test('a secret that a caller waits for goes ahead of those that nobody waits for', async (t) => {
  const rules = ['a', 'b', 'c', 'd', 'e'].map((name) => ruleOf(name))
  const { refresher, answer, asked } = start(t, rules)
  refresher.start()
  await settle()
  t.same(asked(), ['a'])
  const forced = refresher.refresh('e')
  await answer()
  t.same(asked(), ['a', 'e'], 'its run was in the queue already, and moved to the front of it')
  await answer()
  t.match(await forced, { outcome: 'rotated' })
})

t.test('a declared secret near its end goes ahead of one that has time', async (t) => {
  const rules = [
    ...['a', 'b', 'c', 'd'].map((name) => ruleOf(name, { maxStaleMs: 24 * hour })),
    ruleOf('late', { maxStaleMs: 70 * second }),
  ]
  const { clock, refresher, backend, asked } = start(t, rules)
  backend.answer = () => fetched('CANARY-1')
  refresher.start()
  await clock.advance(minute)
  backend.calls.length = 0
  const held = Promise.withResolvers<Answer>()
  backend.answer = () => held.promise
  // The second refresh of all: 54 s after the first, when the one has less than a quarter of its 70 s left.
  await clock.advance(30 * second)
  t.same(asked(), ['a'], 'all are due, and one has the place')
  backend.answer = () => fetched('CANARY-2')
  held.resolve(fetched('CANARY-2'))
  await settle()
  t.same(asked().slice(0, 2), ['a', 'late'])
  t.same(asked().toSorted(), ['a', 'b', 'c', 'd', 'late'])
})

t.test(
  'who waits in the queue for a name waits no longer than it has patience, and costs no call',
  async (t) => {
    const { clock, refresher, answer, asked, events, cache } = start(t)
    const first = refresher.demand('x/1', minute)
    const hasty = refresher.demand('x/2', second)
    await clock.advance(second)
    t.match(await hasty, { kind: 'not-loaded' })
    await answer()
    t.equal(inWords(await first), 'fresh CANARY-1')
    await clock.advance(second)
    t.same(asked(), ['x/1'])
    t.same(events.of('failed'), [], 'that says nothing of the provider')
    t.equal(cache.read('x/2').kind, 'undiscovered', 'nor of the name')
  },
)

t.test('who has more patience than the one who came first has a turn of their own', async (t) => {
  const { clock, refresher, answer, asked } = start(t)
  void refresher.demand('x/1', minute)
  const hasty = refresher.demand('x/2', second)
  const patient = refresher.demand('x/2', 30 * second)
  await clock.advance(10 * second)
  t.match(await hasty, { kind: 'not-loaded' })
  await answer()
  t.same(asked(), ['x/1', 'x/2'])
  await answer(fetched('CANARY-2'))
  t.equal(inWords(await patient), 'fresh CANARY-2')
})

t.test('a first fetch that fails is no concern of those that are declared', async (t) => {
  const { clock, refresher, answer, see } = start(t, [ruleOf('db'), ruleOf('x/*')])
  refresher.start()
  const demanded = refresher.demand('x/1', minute)
  await settle()
  await answer()
  await answer(unavailable())
  t.match(await demanded, { kind: 'not-loaded', retryAfterMs: 500 })
  await clock.advance(second)
  t.equal(see('db'), 'fresh CANARY-1')
})

/**
 * Sixty secrets that have time and one that has not, all loaded; from then on each call takes 4 s, one at a time, and the
 * one with little time has its turn last.
 */
async function crowded(test: Parameters<typeof createRig>[0], last: Parameters<typeof ruleOf>[1]) {
  const clock = new VirtualClock()
  const backend = new KeyBackend(clock, () => fetched('CANARY-1'))
  const others = Array.from({ length: 60 }, (_, at) => ruleOf(`other-${at}`, { maxStaleMs: 24 * hour }))
  const rules = [...others, ruleOf('last', last)]
  const rig = createRig(test, { clock, backend, rules, limits: { maxConcurrentCalls: 1 } })
  rig.refresher.start()
  await settle()
  await clock.advance(minute)
  backend.calls.length = 0
  backend.answer = () => {
    const { promise, resolve } = Promise.withResolvers<Answer>()
    clock.setTimer(() => resolve(fetched('CANARY-1')), 4 * second)
    return promise
  }
  return { ...rig, clock, backend }
}

t.test('what nears its end while it waits in the queue goes ahead from then on', async (t) => {
  for (const required of [true, false]) {
    const { clock, backend, see } = await crowded(t, { maxStaleMs: 2 * minute, required })
    for (let passed = 0; passed < 10 * minute; passed += second) {
      await clock.advance(second)
      if (see('last') === 'expired') t.fail(`required: ${required}, expired after ${passed} ms`)
    }
    t.ok(backend.callsFor('last') >= 4, `${backend.callsFor('last')} calls`)
    t.ok(backend.calls.length >= 140, 'and the others have their turns')
  }
})

t.test(
  'what is required and near its end goes ahead of what is only declared, as at the start',
  async (t) => {
    const names = ['a', 'b', 'c', 'd', 'e']
    const rules = [
      ...names.map((name) => ruleOf(name, { maxStaleMs: 70 * second })),
      ruleOf('required', { maxStaleMs: 70 * second, required: true }),
    ]
    const { clock, refresher, backend, answer, asked } = start(t, rules)
    const held = backend.answer
    refresher.start()
    await settle()
    t.same(asked(), ['required'])
    backend.answer = () => fetched('CANARY-1')
    await answer()
    await clock.advance(minute)
    backend.answer = held
    backend.calls.length = 0
    // The second refresh of all, 54 s after the first, when each has less than a quarter of its 70 s left.
    await clock.advance(30 * second)
    t.equal(asked().length, 1, 'one has the place, and all others wait')
    t.not(asked()[0], 'required')
    backend.answer = () => fetched('CANARY-2')
    await answer()
    t.equal(asked()[1], 'required')
  },
)

t.test('who runs out of time in the queue after a change of the rules goes ahead too', async (t) => {
  const { clock, refresher, cache, sources, backend, see } = await crowded(t, { maxStaleMs: 24 * hour })
  const before = Array.from({ length: 60 }, (_, at) => ruleOf(`other-${at}`, { maxStaleMs: 24 * hour }))
  await clock.advance(minute)
  const rules = new Rules([...before, ruleOf('last', { maxStaleMs: 3 * minute, required: true })])
  cache.apply({ rules, maxEntries: 1_000, maxBytes: 64 * 1024 * 1024, missingTtlMs: 10 * second })
  refresher.apply({ rules, sources })
  t.equal(backend.callsFor('last'), 0, 'it waits')
  t.match(refresher.explain('last'), { fetching: true, nextAttemptAt: undefined })
  for (let passed = 0; passed < 5 * minute; passed += second) {
    await clock.advance(second)
    if (see('last') === 'expired') t.fail(`expired after ${passed} ms`)
  }
})
