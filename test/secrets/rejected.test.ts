import t from 'tap'
import type { Answer } from '../support/heart-backend.ts'
import { fetched, KeyBackend, missing, throttled, unavailable } from '../support/heart-backend.ts'
import { createRig, hour, minute, ruleOf, second } from '../support/heart-rig.ts'
import { LeaseBackend } from '../support/lease-backend.ts'
import { settle, VirtualClock } from '../support/virtual-clock.ts'

const version = (number: number): Answer => fetched(`CANARY-${number}`, { version: `v${number}` })

async function start(test: Parameters<typeof createRig>[0], first: Answer = version(1)) {
  const clock = new VirtualClock()
  const backend = new KeyBackend(clock, () => first)
  const rules = [ruleOf('db', { refreshMs: hour, maxStaleMs: 24 * hour }), ruleOf('app/*')]
  const rig = createRig(test, { clock, backend, rules })
  rig.refresher.start()
  await clock.advance(minute)
  backend.calls.length = 0
  return { ...rig, backend }
}

/** A backend whose answers the test gives when it likes, from now on. */
function defer(backend: KeyBackend): (answer: Answer) => Promise<void> {
  const answers: ((answer: Answer) => void)[] = []
  backend.answer = () => {
    const { promise, resolve } = Promise.withResolvers<Answer>()
    answers.push(resolve)
    return promise
  }
  return async (answer) => {
    answers.shift()?.(answer)
    await settle()
  }
}

t.test('the version held is fetched again, and the answer says whether another came', async (t) => {
  const { refresher, backend, see } = await start(t)
  backend.answer = () => version(2)
  t.same(await refresher.rejected('db', 'v1'), { outcome: 'held', version: 'v2', changed: true })
  t.equal(see('db'), 'fresh CANARY-2')
  t.equal(backend.calls.length, 1)
})

t.test('a version that is no longer held is answered at once, without a call', async (t) => {
  const { refresher, backend } = await start(t)
  t.same(await refresher.rejected('db', 'v0'), { outcome: 'held', version: 'v1', changed: true })
  t.equal(backend.calls.length, 0)
})

t.test('the same version again is said to be unchanged', async (t) => {
  const { refresher, backend } = await start(t)
  t.same(await refresher.rejected('db', 'v1'), { outcome: 'held', version: 'v1', changed: false })
  t.equal(backend.calls.length, 1)
})

t.test('names of no rule, and what the provider does not have, are not found', async (t) => {
  const { refresher, backend } = await start(t)
  t.same(await refresher.rejected('unknown', 'v1'), { outcome: 'not-found' })
  t.equal(backend.calls.length, 0)
  backend.answer = () => missing()
  t.same(await refresher.rejected('app/gone', 'v1'), { outcome: 'not-found' })
  t.same(await refresher.rejected('db', 'v1'), { outcome: 'not-found' }, 'deleted since')
})

t.test('where nothing is held yet, what comes is another version', async (t) => {
  const { refresher } = await start(t)
  t.same(await refresher.rejected('app/new', 'v0'), { outcome: 'held', version: 'v1', changed: true })
})

t.test('a fetch that fails says so and keeps what is held', async (t) => {
  const { refresher, backend, see } = await start(t)
  backend.answer = () => unavailable()
  t.match(await refresher.rejected('db', 'v1'), { outcome: 'failed', error: { kind: 'unavailable' } })
  t.equal(see('db'), 'fresh CANARY-1')
})

t.test('a throttled backend is not called before its time', async (t) => {
  const { clock, refresher, backend } = await start(t)
  backend.answer = () => throttled(10 * minute)
  t.match(await refresher.rejected('db', 'v1'), { outcome: 'failed', error: { kind: 'throttled' } })
  await clock.advance(minute)
  const again = await refresher.rejected('db', 'v1')
  t.match(again, { outcome: 'failed', error: { kind: 'throttled', retryAfterMs: 9 * minute } })
  t.equal(backend.calls.length, 1)
})

t.test('a call that began before the report is not its answer when it brings the same version', async (t) => {
  const { clock, refresher, backend } = await start(t)
  const answer = defer(backend)
  const forced = refresher.refresh('db')
  await clock.advance(300)
  const reported = refresher.rejected('db', 'v1')
  await clock.advance(100)
  await answer(version(1))
  t.match(await forced, { outcome: 'unchanged' })
  t.equal(backend.calls.length, 1, 'and a second has not passed since it began')
  await clock.advance(599)
  t.equal(backend.calls.length, 1)
  await clock.advance(1)
  t.equal(backend.calls.length, 2)
  await answer(version(2))
  t.same(await reported, { outcome: 'held', version: 'v2', changed: true })
})

t.test('one that brings another version is', async (t) => {
  const { clock, refresher, backend } = await start(t)
  const answer = defer(backend)
  const forced = refresher.refresh('db')
  await clock.advance(300)
  const reported = refresher.rejected('db', 'v1')
  await answer(version(2))
  t.match(await forced, { outcome: 'rotated' })
  t.same(await reported, { outcome: 'held', version: 'v2', changed: true })
  await clock.advance(10 * second)
  t.equal(backend.calls.length, 1)
})

t.test('no more than one call follows, however slow it is and whatever it brings', async (t) => {
  const { clock, refresher, backend } = await start(t)
  const answer = defer(backend)
  const forced = refresher.refresh('db')
  await clock.advance(2 * second)
  const reported = refresher.rejected('db', 'v1')
  await answer(version(1))
  t.equal(backend.calls.length, 2, 'at once, since a second has passed')
  await answer(version(1))
  t.same(await reported, { outcome: 'held', version: 'v1', changed: false })
  t.match(await forced, { outcome: 'unchanged' })
  t.equal(backend.calls.length, 2)
})

t.test(
  'a call of the last second that is over is from before the report: it is waited, not answered from',
  async (t) => {
    const { clock, refresher, backend } = await start(t)
    await refresher.refresh('db')
    await clock.advance(400)
    backend.answer = () => version(2)
    const reported = refresher.rejected('db', 'v1')
    await clock.advance(599)
    t.equal(backend.calls.length, 1)
    await clock.advance(1)
    t.same(await reported, { outcome: 'held', version: 'v2', changed: true })
  },
)

t.test('a thousand reports at a time are one call', async (t) => {
  const { refresher, backend } = await start(t)
  const answer = defer(backend)
  const reports = Array.from({ length: 1_000 }, () => refresher.rejected('db', 'v1'))
  await settle()
  t.equal(backend.calls.length, 1)
  await answer(version(2))
  for (const result of await Promise.all(reports)) t.match(result, { version: 'v2', changed: true })
  t.equal(backend.calls.length, 1)
})

t.test('a storm of reports of a version that stays costs calls at growing gaps', async (t) => {
  const { clock, refresher, backend } = await start(t)
  const since = clock.now()
  for (let passed = 0; passed < 5 * minute; passed += 100) {
    t.match(await refresher.rejected('db', 'v1'), { outcome: 'held', version: 'v1', changed: false })
    await clock.advance(100)
  }
  const gaps = backend.times.map((time, at) => time - (backend.times[at - 1] ?? since))
  t.same(
    gaps.slice(0, 7),
    [0, 1, 2, 4, 8, 16, 30].map((each) => each * second),
  )
  t.ok(gaps.slice(6).every((gap) => gap === 30 * second))
})

t.test('a storm against a backend that fails costs a call a second at the most', async (t) => {
  const { clock, refresher, backend } = await start(t)
  backend.answer = () => unavailable()
  const reports: ReturnType<typeof refresher.rejected>[] = []
  for (let passed = 0; passed < 10 * second; passed += 100) {
    reports.push(refresher.rejected('db', 'v1'))
    await clock.advance(100)
  }
  await clock.advance(second)
  for (const result of await Promise.all(reports)) t.match(result, { outcome: 'failed' })
  t.ok(backend.calls.length <= 16, `${backend.calls.length} calls, the secret's own retries among them`)
})

t.test('a new version begins anew, as does one that nobody complained of for a while', async (t) => {
  const { clock, refresher, backend } = await start(t)
  for (let asked = 0; asked < 5; asked += 1) {
    await refresher.rejected('db', 'v1')
    await clock.advance(30 * second)
  }
  backend.answer = () => version(2)
  t.match(await refresher.rejected('db', 'v1'), { version: 'v2', changed: true })
  await clock.advance(2 * second)
  backend.calls.length = 0
  t.match(await refresher.rejected('db', 'v2'), { changed: false })
  await clock.advance(second)
  t.match(await refresher.rejected('db', 'v2'), { changed: false })
  t.equal(backend.calls.length, 2)
  await clock.advance(5 * minute)
  backend.calls.length = 0
  await refresher.rejected('db', 'v2')
  await clock.advance(second)
  await refresher.rejected('db', 'v2')
  t.equal(backend.calls.length, 2)
})

t.test(
  'a thousand secrets are remembered as reported, and the one reported longest ago goes first',
  async (t) => {
    const clock = new VirtualClock()
    const backend = new KeyBackend(clock, () => version(1))
    const rules = [ruleOf('db'), ruleOf('app/*')]
    const limits = { maxCallsPerSecond: 10_000 }
    const { refresher } = createRig(t, { clock, backend, rules, limits, maxEntries: 2_000 })
    refresher.start()
    for (let at = 0; at <= 1_000; at += 1) await refresher.demand(`app/${at}`, minute)
    await clock.advance(second)
    const callsOf = async (name: string): Promise<number> => {
      const before = backend.calls.length
      await refresher.rejected(name, 'v1')
      return backend.calls.length - before
    }
    for (const gap of [0, 1, 2]) {
      await clock.advance(gap * second)
      t.equal(await callsOf('db'), 1)
    }
    // From here on it is asked about again after 4 s.
    await clock.advance(2 * second)
    for (let at = 1; at < 1_000; at += 1) await callsOf(`app/${at}`)
    t.equal(await callsOf('db'), 0, 'it is one of a thousand')
    await callsOf('app/1000')
    t.equal(await callsOf('db'), 1, 'it was the one too many')
  },
)

t.test('a leased credential that was refused is replaced, not renewed', async (t) => {
  const clock = new VirtualClock()
  const backend = new LeaseBackend(clock, { durationMs: hour, renewable: true })
  const { refresher, see } = createRig(t, { clock, backend, rules: [ruleOf('db')] })
  refresher.start()
  await clock.advance(minute)
  t.same(await refresher.rejected('db', 'v1'), { outcome: 'held', version: 'v2', changed: true })
  t.equal(see('db'), 'fresh CANARY-db-2')
  t.same(backend.renewals, [])
})

t.test('nobody waits for ever: a stop answers those who wait', async (t) => {
  const { refresher, backend, stop } = await start(t)
  defer(backend)
  const reported = refresher.rejected('db', 'v1')
  await settle()
  await stop()
  t.match(await reported, { outcome: 'failed', error: { reason: 'aborted' } })
})
