/** One bad key never delays or refetches another: of a list, what is wrong with one of its secrets is its own affair. */
import t from 'tap'
import type { Answer, Listing } from '../support/heart-backend.ts'
import { denied, fetched, ListBackend, unavailable } from '../support/heart-backend.ts'
import { createRig, hour, minute, ruleOf, second } from '../support/heart-rig.ts'
import { VirtualClock } from '../support/virtual-clock.ts'

const rules = [
  ruleOf('good'),
  ruleOf('spoilt', { key: 'document', field: 'password', required: true }),
  ruleOf('x/*', { key: 'x*' }),
]
const right = (): Answer => fetched('{"password":"CANARY-password"}')
const shapeless = (): Answer => fetched('{"user":"CANARY-user"}')

function start(test: Parameters<typeof createRig>[0], document: Answer) {
  const clock = new VirtualClock()
  const list = (of: Answer, x: Answer = fetched('CANARY-x')): Listing =>
    new Map([
      ['good', fetched('CANARY-good')],
      ['document', of],
      ['x1', x],
    ])
  const backend = new ListBackend(clock, () => list(document))
  const rig = createRig(test, { clock, backend, rules })
  rig.refresher.start()
  return { ...rig, clock, backend, list }
}

for (const [words, first] of [
  ['held', right],
  ['never loaded', shapeless],
] as const) {
  t.test(`a secret that the list spoils, ${words} so far, has the list asked for no oftener`, async (t) => {
    const { clock, backend, list, see } = start(t, first())
    await clock.advance(0)
    backend.list = () => list(shapeless(), denied())
    const before = backend.calls.length
    for (let minutes = 0; minutes < 60; minutes += 1) {
      await clock.advance(minute)
      t.equal(see('good'), 'fresh CANARY-good')
    }
    const calls = backend.calls.length - before
    t.ok(calls >= 60 && calls <= 75, `${calls} calls in an hour of an interval of a minute`)
  })
}

t.test('each of them is told once a list, with a count of its own', async (t) => {
  const { clock, backend, list, events, refresher } = start(t, right())
  await clock.advance(0)
  events.clear()
  backend.list = () => list(shapeless())
  await clock.advance(3 * minute)
  const calls = backend.calls.length - 1
  t.match(
    events.of('failed').map(({ secrets, attempt, error }) => ({ secrets, attempt, reason: error.reason })),
    Array.from({ length: calls }, (_, at) => ({ secrets: ['spoilt'], attempt: at + 1, reason: 'malformed' })),
  )
  t.match(refresher.explain('spoilt'), { failures: calls, lastError: { reason: 'malformed' } })
  t.match(refresher.explain('good'), { failures: 0, lastError: undefined })
  t.same(events.of('recovered'), [])

  backend.list = () => list(right())
  await clock.advance(minute)
  t.match(events.of('recovered'), [{ secrets: ['spoilt'], attempts: calls }])
  t.match(refresher.explain('spoilt'), { failures: 0, lastError: { reason: 'malformed' } })
})

t.test('a list that fails as a whole is tried again with backoff, and counts for all', async (t) => {
  const { clock, backend, list, events, refresher } = start(t, shapeless())
  await clock.advance(0)
  const failedBefore = refresher.explain('spoilt')?.failures
  t.equal(failedBefore, 1)
  backend.list = () => unavailable()
  await clock.advance(50 * second)
  const failures = refresher.explain('good')?.failures ?? 0
  t.ok(failures > 1)
  t.match(refresher.explain('spoilt'), { failures: failures + 1 })
  backend.list = () => list(shapeless())
  events.clear()
  await clock.advance(hour)
  const [first, ...more] = events.of('recovered')
  t.match(first, { secrets: ['good', 'x/*'] }, 'not the one that the list still spoils')
  t.same(more, [])
  t.match(refresher.explain('good'), { failures: 0 })
})

t.test('a caller who forces lists does not lengthen the count', async (t) => {
  const { clock, backend, list, refresher } = start(t, right())
  await clock.advance(0)
  backend.list = () => list(shapeless())
  for (let at = 0; at < 5; at += 1) {
    await clock.advance(2 * second)
    await refresher.refresh('spoilt')
  }
  t.match(refresher.explain('spoilt'), { failures: 1 })
})

t.test(
  'a required secret that the list spoiled from the start is asked for soon after, and not for ever',
  async (t) => {
    const clock = new VirtualClock()
    const rule = { refreshMs: hour, maxStaleMs: 24 * hour }
    const backend = new ListBackend(clock, () => new Map([['document', shapeless()]]))
    const rules = [ruleOf('spoilt', { key: 'document', field: 'password', required: true, ...rule })]
    const { refresher, see } = createRig(t, { clock, backend, rules })
    refresher.start()
    await clock.advance(minute)
    t.equal(see('spoilt'), 'not-loaded')
    backend.list = () => new Map([['document', right()]])
    await clock.advance(minute)
    t.equal(see('spoilt'), 'fresh CANARY-password', 'mended after a minute, and had within another')

    const lasting = new ListBackend(clock, () => new Map([['document', shapeless()]]))
    const other = createRig(t, { clock, backend: lasting, rules })
    other.refresher.start()
    await clock.advance(hour)
    const calls = lasting.calls.length
    t.ok(calls <= 13, `${calls} calls in the first hour: one for each time that the wait doubles`)
    await clock.advance(24 * hour)
    t.ok(lasting.calls.length - calls <= 27, 'and at the pace of the interval from then on')
  },
)
