import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import t from 'tap'
import { Gate, GateFullError } from '../../src/secrets/gate.ts'
import type { Provider } from '../../src/secrets/provider.ts'
import type { Answer } from '../support/heart-backend.ts'
import { fetched, KeyBackend, ListBackend, missing, unavailable } from '../support/heart-backend.ts'
import { StormClock } from '../support/heart-clock.ts'
import { createRig, minute, ruleOf, second } from '../support/heart-rig.ts'
import { settle } from '../support/virtual-clock.ts'

setFlagsFromString('--expose-gc')
const collectGarbage: () => void = runInNewContext('gc')

const rules = [ruleOf('db'), ruleOf('app/*', { key: 'kv/*' })]

t.test(
  'a storm of random names over a key-by-key backend leaves bounded memory behind, and no schedule',
  async (t) => {
    const clock = new StormClock()
    const backend = new KeyBackend(clock, (key) => (key === 'db' ? fetched('CANARY-db') : missing()))
    const { refresher, cache, see, events } = createRig(t, { clock, backend, rules })
    refresher.start()
    await settle()
    const before = heapUsed()
    for (let batch = 0; batch < 100; batch += 1) {
      const readings = Array.from({ length: 1_000 }, (_, at) =>
        refresher.demand(`app/${batch}-${at}`, second),
      )
      for (const reading of await Promise.all(readings)) {
        if (reading.kind !== 'not-found') t.fail(`${reading.kind} for a name that is missing`)
      }
      // What the test itself remembers is not what is measured.
      backend.calls.length = 0
      events.clear()
    }
    const grown = heapUsed() - before
    // Ten thousand absences are remembered; a hundred thousand units or absences would be several times as much (about 600 bytes each).
    t.ok(grown < 24 * 1024 * 1024, `${(grown / 1024 / 1024).toFixed(1)} MiB more`)
    t.equal(cache.stats().entries, 1, 'nothing but the declared secret is held')
    t.same(
      (await refresher.refreshAll()).map(({ name }) => name),
      ['db'],
      'nothing else is refreshed',
    )
    t.equal(backend.calls.length, 1)
    await clock.advance(10 * minute)
    t.ok(backend.calls.every(({ key }) => key === 'db'))
    t.equal(see('db'), 'fresh CANARY-db')
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
    key === 'kv/8' ? fetched('CANARY-eight') : new Promise<Answer>(() => {}),
  )
  const { refresher, see, cache } = createRig(t, { clock, backend, rules })
  for (let at = 0; at < 9; at += 1) void refresher.demand(`app/${at}`, 100)
  await clock.advance(6 * minute - 1)
  t.equal(backend.calls.length, 8)
  await clock.advance(1)
  t.equal(backend.calls.length, 9)
  t.equal(see('app/8'), 'fresh CANARY-eight')
  t.match(cache.read('app/0'), { kind: 'not-loaded', reason: /no answer within 360000 ms/ })
  t.ok(backend.calls[0]?.signal.aborted)
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
  const backend = new KeyBackend(clock, () => unavailable(60 * minute))
  const { refresher, cache } = createRig(t, { clock, backend, rules })
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

t.test('a gate lets so many through, in order, and turns away what would only wait in vain', async (t) => {
  const gate = new Gate(2, 3)
  const ends: (() => void)[] = []
  const order: number[] = []
  const runs = Array.from({ length: 6 }, (_, at) =>
    gate.run(async () => {
      order.push(at)
      await new Promise<void>((resolve) => ends.push(resolve))
      if (at === 1) throw new Error('a failure gives its place back too')
    }),
  )
  const outcomes = Promise.allSettled(runs)
  await settle()
  t.same(order, [0, 1])
  for (let at = 0; at < 5; at += 1) {
    ends[at]?.()
    await settle()
  }
  t.same(order, [0, 1, 2, 3, 4])
  const [, failed, , , , refused] = await outcomes
  t.match(failed, { status: 'rejected', reason: /gives its place back/ })
  t.ok(refused?.status === 'rejected' && refused.reason instanceof GateFullError)
  t.equal(await gate.run(async () => 'through'), 'through', 'and is free again afterwards')
})

function heapUsed(): number {
  collectGarbage()
  return process.memoryUsage().heapUsed
}
