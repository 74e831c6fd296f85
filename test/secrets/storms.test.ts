import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import t from 'tap'
import type { Provider } from '../../src/secrets/provider.ts'
import { ProviderError } from '../../src/secrets/provider.ts'
import type { Answer } from '../support/heart-backend.ts'
import { denied, fetched, KeyBackend, ListBackend, missing, unavailable } from '../support/heart-backend.ts'
import { StormClock } from '../support/heart-clock.ts'
import { createRig, minute, ruleOf, second } from '../support/heart-rig.ts'
import { settle } from '../support/virtual-clock.ts'

setFlagsFromString('--expose-gc')
const collectGarbage: () => void = runInNewContext('gc')

const rules = [ruleOf('db'), ruleOf('app/*', { key: 'kv/*' })]

t.test(
  'a storm of a hundred thousand random names costs what the budget allows, and leaves bounded memory behind',
  async (t) => {
    const clock = new StormClock()
    const backend = new KeyBackend(clock, (key) => (key === 'db' ? fetched('CANARY-db') : missing()))
    const { refresher, cache, see, events } = createRig(t, { clock, backend, rules })
    refresher.start()
    await settle()
    let calls = 0
    let full = 0
    let underWay = 0
    let mostUnderWay = 0
    const counts = { 'not-found': 0, 'not-loaded': 0 }
    const before = heapUsed()
    for (let wave = 0; wave < 100; wave += 1) {
      for (let at = 0; at < 1_000; at += 1) {
        underWay += 1
        void refresher.demand(`app/${wave}-${at}`, second).then(({ kind }) => {
          underWay -= 1
          if (kind === 'not-found' || kind === 'not-loaded') counts[kind] += 1
          else t.fail(`${kind} for a name that is missing`)
        })
      }
      await settle()
      mostUnderWay = Math.max(mostUnderWay, underWay)
      await clock.advance(100)
      // What the test itself remembers is not what is measured.
      calls += backend.calls.length
      backend.calls.length = 0
      full += events.of('failed').filter(({ error }) => /too many calls wait/.test(error.message)).length
      events.clear()
    }
    await clock.advance(second)
    calls += backend.calls.length
    const grown = heapUsed() - before
    t.ok(calls <= 100 + 100 * 11, `${calls} calls in 11 s`)
    t.ok(calls >= 100 * 10, `${calls} calls: what the budget has is used`)
    t.ok(mostUnderWay <= 1_000 + 100, `${mostUnderWay} callers waited at a time`)
    t.ok(full > 85_000, `${full} were turned away at once`)
    t.equal(counts['not-found'] + counts['not-loaded'], 100_000)
    // Ten thousand absences are remembered; a hundred thousand units or absences would be several times as much (about 600 bytes each).
    t.ok(grown < 24 * 1024 * 1024, `${(grown / 1024 / 1024).toFixed(1)} MiB more`)
    t.equal(cache.stats().entries, 1, 'nothing but the declared secret is held')
    await clock.advance(minute)
    backend.calls.length = 0
    const all = refresher.refreshAll()
    await clock.advance(second)
    t.same(
      (await all).map(({ name }) => name),
      ['db'],
      'nothing else is refreshed',
    )
    t.equal(backend.calls.length, 1)
    await clock.advance(10 * minute)
    t.ok(backend.calls.every(({ key }) => key === 'db'))
    t.equal(see('db'), 'fresh CANARY-db')
  },
)

t.test('a storm of random names does not keep what is declared from being fresh', async (t) => {
  const clock = new StormClock()
  const backend = new KeyBackend(clock, (key) => (key === 'db' ? fetched('CANARY-db') : missing()))
  const rules = [ruleOf('db', { refreshMs: 10 * second, maxStaleMs: 20 * second }), ruleOf('app/*')]
  const limits = { maxCallsPerSecond: 4, maxConcurrentCalls: 1 }
  const { refresher, see } = createRig(t, { clock, backend, rules, limits })
  refresher.start()
  await settle()
  let name = 0
  for (let tenths = 0; tenths < 1_200; tenths += 1) {
    for (let at = 0; at < 10; at += 1) {
      name += 1
      void refresher.demand(`app/${name}`, second)
    }
    await clock.advance(100)
    if (!see('db').startsWith('fresh')) t.fail(`${see('db')} after ${tenths} tenths`)
  }
  t.ok(backend.calls.length <= 4 + 4 * 120, `${backend.calls.length} calls in two minutes`)
  const declared = backend.calls.filter(({ key }) => key === 'db').length
  t.ok(declared >= 12, `${declared} of them for what is declared`)
})

t.test('a storm of random names during an outage costs a few calls and the probes', async (t) => {
  const clock = new StormClock()
  const backend = new KeyBackend(clock, () => unavailable())
  const { refresher, events } = createRig(t, { clock, backend, rules })
  refresher.start()
  await settle()
  for (let tenths = 0; tenths < 600; tenths += 1) {
    for (let at = 0; at < 20; at += 1) {
      const { kind } = await refresher.demand(`app/${tenths}-${at}`, second)
      if (kind !== 'not-loaded') t.fail(kind)
    }
    await clock.advance(100)
  }
  t.match(events.of('breakerChanged'), [{ provider: 'p', cause: 'unavailable', open: true }])
  // Five to open it, of which at most eight were under way, and gaps of 0.5, 1, 2, 4, 8, 16 and 30 s.
  t.ok(backend.calls.length <= 8 + 7, `${backend.calls.length} calls for 12,000 names in a minute`)
})

t.test(
  'names that somebody once asked for do not keep a refused credential from being left alone',
  async (t) => {
    const clock = new StormClock()
    let refused = false
    const answers = (key: string): Answer => (key === 'db' ? fetched('CANARY-db') : missing())
    const backend = new KeyBackend(clock, (key) => (refused ? denied() : answers(key)))
    const rules = [ruleOf('db', { refreshMs: 5 * second }), ruleOf('app/*')]
    const { refresher } = createRig(t, { clock, backend, rules })
    refresher.start()
    await settle()
    for (let at = 0; at < 10; at += 1) await refresher.demand(`app/${at}`, second)
    refused = true
    backend.calls.length = 0
    for (let passed = 0; passed < 60 * minute; passed += second) await clock.advance(second)
    t.ok(backend.calls.length <= 20, `${backend.calls.length} calls in an hour`)
  },
)

t.test('a name that is missing costs no call while it is remembered, and one after that', async (t) => {
  const clock = new StormClock()
  const backend = new KeyBackend(clock, missing)
  const { refresher, cache } = createRig(t, { clock, backend, rules, missingTtlMs: 10 * second })
  for (let asked = 0; asked < 1_000; asked += 1) {
    t.equal((await refresher.demand('app/gone', second)).kind, 'not-found')
  }
  t.equal(backend.calls.length, 1)
  await clock.advance(10 * second - 1)
  t.equal(cache.read('app/gone').kind, 'not-found')
  await clock.advance(1)
  t.equal(cache.read('app/gone').kind, 'undiscovered', 'it is time to ask again')
  await refresher.demand('app/gone', second)
  t.equal(backend.calls.length, 2)
})

t.test('a name that was missing is held once it is there', async (t) => {
  const clock = new StormClock()
  const backend = new KeyBackend(clock, missing)
  const { refresher, see } = createRig(t, { clock, backend, rules })
  await refresher.demand('app/new', second)
  backend.answer = () => fetched('CANARY-new')
  await clock.advance(10 * second)
  await refresher.demand('app/new', second)
  t.equal(see('app/new'), 'fresh CANARY-new')
  await clock.advance(minute)
  t.equal(backend.calls.length, 3, 'and refreshed from then on')
})

t.test(
  'a storm while the backend hangs waits in a bounded queue; the rest is turned away without a call',
  async (t) => {
    const clock = new StormClock()
    const backend = new KeyBackend(clock, () => new Promise<Answer>(() => {}))
    const { refresher, events, stop } = createRig(t, { clock, backend, rules })
    const readings = Array.from({ length: 12_000 }, (_, at) => refresher.demand(`app/${at}`, 100))
    await settle()
    t.equal(backend.calls.length, 8, 'no more calls at a time than a backend should bear')
    t.equal(events.of('called').length, 0, 'what found no room was no call, and says nothing of the provider')
    t.equal(events.of('failed').length, 12_000 - 1_008)
    await clock.advance(100)
    for (const reading of await Promise.all(readings)) {
      if (reading.kind !== 'not-loaded' || !(reading.retryAfterMs > 0)) t.fail(JSON.stringify(reading))
    }
    await stop()
    await settle()
    t.equal(backend.calls.length, 8, 'and the queue ends with the sidecar')
  },
)

t.test('a call that hangs is given up in the end, and its place goes to the next', async (t) => {
  const clock = new StormClock()
  const backend = new KeyBackend(clock, (key) =>
    key === 'db' ? fetched('CANARY-db') : new Promise<Answer>(() => {}),
  )
  const { refresher, see, cache } = createRig(t, { clock, backend, rules })
  for (let at = 0; at < 9; at += 1) void refresher.demand(`app/${at}`, 100)
  refresher.start()
  await clock.advance(6 * minute - 1)
  t.equal(backend.calls.length, 8)
  await clock.advance(1)
  t.equal(backend.calls.length, 9)
  t.equal(see('db'), 'fresh CANARY-db')
  t.match(cache.read('app/0'), { kind: 'not-loaded', reason: /no answer within 360000 ms/ })
  t.ok(backend.calls[0]?.signal.aborted)
  t.equal(backend.callsFor('kv/8'), 0, 'nobody waits for the ninth any more')
})

t.test(
  'unknown names cost a provider that lists at most one sweep in the time for which missing is remembered',
  async (t) => {
    const clock = new StormClock()
    const backend = new ListBackend(clock, () => new Map([['kv/a', fetched('CANARY-a')]]))
    const longAgo = { refreshMs: 1_000 * minute, maxStaleMs: 2_000 * minute, key: 'kv/*' }
    const { refresher, see } = createRig(t, { clock, backend, rules: [ruleOf('app/*', longAgo)] })
    refresher.start()
    for (let tenths = 0; tenths < 600; tenths += 1) {
      await clock.advance(100)
      for (const name of ['x', 'y', 'z']) {
        const { kind } = await refresher.demand(`app/${name}${tenths}`, second)
        if (kind !== 'not-found') t.fail(kind)
      }
    }
    t.ok(backend.calls.length <= 7, `${backend.calls.length} sweeps in a minute`)
    t.equal(backend.mostUnderWay, 1)
    t.equal(see('app/a'), 'fresh CANARY-a')
  },
)

t.test('failures remembered of random names are bounded too', async (t) => {
  const clock = new StormClock()
  // Of one value only: five of any other failure, and the provider would be called no more.
  const oversized = new ProviderError('unavailable', 'oversized', 'too large', { retryAfterMs: 60 * minute })
  const backend = new KeyBackend(clock, () => oversized)
  const limits = { maxCallsPerSecond: 100_000 }
  const { refresher, cache } = createRig(t, { clock, backend, rules, limits })
  for (let at = 0; at < 10_100; at += 1) await refresher.demand(`app/${at}`, second)
  t.equal(cache.read('app/0').kind, 'undiscovered', 'the longest unasked was forgotten')
  t.equal(cache.read('app/10099').kind, 'not-loaded')
})

t.test(
  'callers who ask a slow backend for names at random do not keep declared secrets from it',
  async (t) => {
    const clock = new StormClock()
    const asked: string[] = []
    const backend: Provider = {
      async fetch([key = '']) {
        asked.push(key)
        if (key === 'db') return new Map([[key, fetched('CANARY-db')]])
        await new Promise<void>((resolve) => clock.setTimer(resolve, 5 * second))
        return new Map([[key, missing()]])
      },
    }
    const rules = [ruleOf('db', { maxStaleMs: 5 * minute }), ruleOf('app/*')]
    const { refresher, see } = createRig(t, { clock, backend, rules })
    refresher.start()
    await settle()
    for (let at = 0; at < 2_000; at += 1) void refresher.demand(`app/${at}`, 5 * second)
    for (let passed = 0; passed < 10 * minute; passed += second) await clock.advance(second)
    t.equal(see('db'), 'fresh CANARY-db')
    t.ok(asked.filter((key) => key === 'db').length >= 10)
  },
)

function heapUsed(): number {
  collectGarbage()
  return process.memoryUsage().heapUsed
}
