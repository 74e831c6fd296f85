import t from 'tap'
import type { Random } from '../../src/secrets/clock.ts'
import type { Answer } from '../support/heart-backend.ts'
import { fetched, throttled, unavailable, WatchedBackend } from '../support/heart-backend.ts'
import { createRig, hour, minute, ruleOf, second } from '../support/heart-rig.ts'
import { settle, VirtualClock } from '../support/virtual-clock.ts'

async function start(
  test: Parameters<typeof createRig>[0],
  answer: (key: string) => Answer | Promise<Answer>,
  random: Random = () => 0.5,
) {
  const clock = new VirtualClock()
  const backend = new WatchedBackend(clock, answer)
  const rig = createRig(test, { clock, backend, rules: [ruleOf('a'), ruleOf('b')], random })
  rig.refresher.start()
  await settle()
  return { ...rig, backend }
}

t.test('a reported change is fetched in a moment, and only the key that changed', async (t) => {
  let text = 'CANARY-1'
  const { clock, backend, see } = await start(t, () => fetched(text))
  text = 'CANARY-2'
  backend.changed('a')
  await clock.advance(50)
  t.equal(see('a'), 'fresh CANARY-2')
  t.equal(see('b'), 'fresh CANARY-1')
  backend.changed()
  await clock.advance(50)
  t.equal(see('b'), 'fresh CANARY-2', 'without a key it is anything')
  t.same([backend.callsFor('a'), backend.callsFor('b')], [3, 2])
})

t.test('a burst of changes is one fetch', async (t) => {
  const { clock, backend } = await start(t, () => fetched('CANARY-1'))
  for (let at = 0; at < 1_000; at += 1) backend.changed('a')
  await clock.advance(second)
  t.equal(backend.callsFor('a'), 2)
})

t.test('changes without pause do not put the fetch off for ever', async (t) => {
  const { clock, backend, see } = await start(t, () => fetched('CANARY-1'))
  for (let at = 0; at < 500; at += 1) {
    backend.changed('a')
    await clock.advance(20)
  }
  const calls = backend.callsFor('a')
  t.ok(calls > 100 && calls <= 201, `${calls} calls in 10 s, one for each window of 50 ms at the most`)
  t.equal(see('a'), 'fresh CANARY-1')
})

t.test('a change during a fetch that may have read what was before leads to one more', async (t) => {
  const answers: ((answer: Answer) => void)[] = []
  const { clock, backend, see } = await start(t, (key) => {
    if (key === 'b') return fetched('CANARY-b')
    const { promise, resolve } = Promise.withResolvers<Answer>()
    answers.push(resolve)
    return promise
  })
  for (let at = 0; at < 10; at += 1) backend.changed('a')
  await clock.advance(second)
  t.equal(backend.callsFor('a'), 1, 'none beside it')
  answers.shift()?.(fetched('CANARY-before'))
  await clock.advance(50)
  t.equal(backend.callsFor('a'), 2)
  answers.shift()?.(fetched('CANARY-after'))
  await clock.advance(20 * second)
  t.equal(see('a'), 'fresh CANARY-after')
  t.equal(backend.callsFor('a'), 2, 'and no third')
})

t.test('a change does not call a throttled backend before its time', async (t) => {
  const { clock, backend } = await start(t, () => throttled(minute))
  for (let at = 0; at < 10; at += 1) {
    backend.changed()
    await clock.advance(5 * second)
  }
  t.equal(backend.callsFor('a'), 1)
  await clock.advance(10 * second)
  t.equal(backend.callsFor('a'), 2)
})

t.test('a change cuts the backoff of a backend that was down short', async (t) => {
  let answer: Answer = unavailable(10 * minute)
  const { clock, backend, see } = await start(t, () => answer)
  answer = fetched('CANARY-1')
  await clock.advance(minute)
  backend.changed()
  await clock.advance(50)
  t.equal(see('a'), 'fresh CANARY-1')
})

t.test(
  'a watch that fails is started again with backoff, and what changed meanwhile is fetched',
  async (t) => {
    let text = 'CANARY-1'
    const { clock, backend, events, see } = await start(t, () => fetched(text))
    for (const [attempt, delay] of [500, 1_000, 2_000, 4_000].entries()) {
      const before = clock.now()
      backend.fail(unavailable())
      await settle()
      t.match(events.of('failed').at(-1), {
        provider: 'p',
        secrets: [],
        attempt: attempt + 1,
        nextTryMs: delay,
      })
      text = `CANARY-${attempt + 2}`
      await clock.advance(delay - 1)
      t.equal(backend.watches.length, attempt + 1)
      await clock.advance(1)
      t.equal(backend.watches.at(-1), before + delay)
      await clock.advance(50)
      t.equal(see('a'), `fresh ${text}`)
    }
  },
)

t.test('after a watch that held well the backoff begins anew', async (t) => {
  const { clock, backend, events } = await start(t, () => fetched('CANARY-1'))
  for (let days = 0; days < 20; days += 1) {
    await clock.advance(hour)
    backend.fail(unavailable())
    await settle()
    t.match(events.of('failed').at(-1), { attempt: 1, nextTryMs: 500 })
    await clock.advance(second)
  }
  t.equal(backend.watches.length, 21)
})

t.test('a watch that fails at once makes no hot loop', async (t) => {
  const clock = new VirtualClock()
  const backend = new WatchedBackend(clock, () => fetched('CANARY-1'))
  let watches = 0
  const failing = Object.assign(backend, {
    watch: async () => {
      watches += 1
      throw new Error('CANARY-1 is quoted by an error of unknown origin')
    },
  })
  const { refresher, events } = createRig(t, { clock, backend: failing, rules: [ruleOf('a')] })
  refresher.start()
  await clock.advance(24 * hour)
  t.ok(watches < 600, `${watches} watches in a day`)
  t.notMatch(
    JSON.stringify(events.all.map((event) => ('error' in event ? event.error.message : ''))),
    'CANARY-',
  )
})

t.test('changes of keys that nobody wants are passed over', async (t) => {
  const { clock, backend } = await start(t, () => fetched('CANARY-1'))
  backend.changed('unknown')
  await clock.advance(second)
  t.equal(backend.calls.length, 2)
})
