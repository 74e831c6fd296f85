import t from 'tap'
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
  await clock.advance(27 * second)
  backend.calls.length = 0
  const held = Promise.withResolvers<Answer>()
  backend.answer = () => held.promise
  await clock.advance(40 * second)
  t.equal(asked().length, 1, 'all are due, and one has the place')
  backend.answer = () => fetched('CANARY-2')
  held.resolve(fetched('CANARY-2'))
  await settle()
  t.ok(asked().includes('late'))
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
