import t from 'tap'
import type { Answer } from '../support/heart-backend.ts'
import { denied, fetched, KeyBackend, ListBackend, missing, unavailable } from '../support/heart-backend.ts'
import { createRig, hour, minute, ruleOf, second } from '../support/heart-rig.ts'
import { LeaseBackend } from '../support/lease-backend.ts'
import { settle, VirtualClock } from '../support/virtual-clock.ts'

const rules = [
  ruleOf('db', { key: 'kv/db', field: 'password', required: true }),
  ruleOf('app/*', { key: 'kv/app/*', required: true }),
]
const good = (): Answer => fetched('{"password":"CANARY-1"}', { version: 'v1' })

function start(test: Parameters<typeof createRig>[0], answer: (key: string) => Answer | Promise<Answer>) {
  const clock = new VirtualClock()
  const backend = new KeyBackend(clock, answer)
  const rig = createRig(test, { clock, backend, rules })
  rig.refresher.start()
  return { ...rig, backend }
}

t.test('all that is known of a held secret is told, and never its value', async (t) => {
  const { clock, refresher } = start(t, good)
  const at = clock.wall()
  await clock.advance(10 * second)
  const explained = refresher.explain('db')
  t.same(explained, {
    name: 'db',
    rule: 'db',
    provider: 'p',
    key: 'kv/db',
    field: 'password',
    state: 'fresh',
    required: true,
    version: 'v1',
    ageMs: 10 * second,
    refreshMs: minute,
    freshMs: minute,
    maxStaleMs: hour,
    lease: undefined,
    fetchedAt: at,
    lastSuccessAt: at,
    lastError: undefined,
    failures: 0,
    nextAttemptAt: at + 27_540,
    expiresAt: at + hour,
    fetching: false,
    breaker: { state: 'closed', cause: undefined, nextProbeAt: undefined },
    callersWaiting: 0,
  })
  t.notMatch(JSON.stringify(explained), 'CANARY-')
})

t.test('what no rule names is not explained', async (t) => {
  const { refresher } = start(t, good)
  t.equal(refresher.explain('other'), undefined)
  t.equal(refresher.explain('app/../db'), undefined)
})

t.test('a failure is told with its kind and time, and kept after a success', async (t) => {
  const { clock, backend, refresher } = start(t, good)
  await clock.advance(second)
  backend.answer = () => unavailable()
  await clock.advance(27 * second)
  const at = clock.wall() - 460
  const lastError = { kind: 'unavailable', reason: 'refused', message: 'the backend refuses connections', at }
  t.match(refresher.explain('db'), { state: 'fresh', lastError, failures: 1, nextAttemptAt: at + 4 * second })
  backend.answer = good
  await clock.advance(4 * second)
  t.match(refresher.explain('db'), { failures: 0, lastError, lastSuccessAt: at + 4 * second })
})

t.test('an open breaker is told with the time of its next probe, on the wall clock', async (t) => {
  const { clock, refresher, cache } = start(t, denied)
  await clock.advance(minute)
  clock.jumpWall(24 * hour)
  const { breaker, state, nextAttemptAt, lastError } = refresher.explain('db') ?? {}
  t.equal(state, 'not-loaded')
  t.match(breaker, { state: 'open', cause: 'denied' })
  const probeIn = (breaker?.nextProbeAt ?? 0) - clock.wall()
  t.ok(probeIn > 0 && probeIn <= 10 * minute, `${probeIn}`)
  t.equal(nextAttemptAt, breaker?.nextProbeAt, 'the one secret there is finds out')
  t.equal(lastError?.kind, 'denied')
  t.equal(cache.status('db')?.nextRefreshAt, nextAttemptAt)
})

t.test('callers who wait are counted while they do', async (t) => {
  const { promise, resolve } = Promise.withResolvers<Answer>()
  const { clock, refresher } = start(t, () => promise)
  const waiting = [
    refresher.refresh('db'),
    refresher.refresh('db'),
    refresher.rejected('db', 'v0'),
    refresher.refreshAll(),
  ]
  const hasty = refresher.demand('app/a', second)
  await settle()
  t.match(refresher.explain('db'), { fetching: true, callersWaiting: 4, state: 'not-loaded' })
  t.match(refresher.explain('app/a'), { fetching: true, callersWaiting: 1, state: 'undiscovered' })
  await clock.advance(second)
  await hasty
  t.match(refresher.explain('app/a'), { fetching: true, callersWaiting: 0 })
  resolve(good())
  await Promise.all(waiting)
  t.match(refresher.explain('db'), { fetching: false, callersWaiting: 0, state: 'fresh' })
})

t.test(
  'a pattern secret is told by its rule before anybody has asked for it, and by what came of it after',
  async (t) => {
    const { refresher, backend } = start(t, good)
    await settle()
    const { length } = backend.calls
    t.match(refresher.explain('app/a'), {
      name: 'app/a',
      rule: 'app/*',
      key: 'kv/app/a',
      state: 'undiscovered',
      required: false,
      version: undefined,
      nextAttemptAt: undefined,
      fetching: false,
    })
    t.equal(backend.calls.length, length, 'to explain costs no call')
    await refresher.demand('app/a', second)
    t.match(refresher.explain('app/a'), { state: 'fresh', version: 'v1' })
    backend.answer = () => missing()
    await refresher.demand('app/gone', second)
    t.match(refresher.explain('app/gone'), { state: 'missing' })
    backend.answer = () => unavailable()
    await refresher.demand('app/down', second)
    t.match(refresher.explain('app/down'), { state: 'not-loaded' })
  },
)

t.test('a lease is told with its end', async (t) => {
  const clock = new VirtualClock()
  const backend = new LeaseBackend(clock, { durationMs: hour, renewable: true })
  const { refresher } = createRig(t, { clock, backend, rules: [ruleOf('db')] })
  const at = clock.wall()
  refresher.start()
  await clock.advance(minute)
  t.match(refresher.explain('db'), {
    lease: { renewable: true, endsAt: at + hour },
    expiresAt: at + hour,
    nextAttemptAt: Math.round(at + (2 / 3) * hour),
  })
  await clock.advance(40 * minute)
  t.match(refresher.explain('db'), {
    lease: { endsAt: at + 100 * minute },
    fetchedAt: at,
    lastSuccessAt: at + 40 * minute,
  })
})

t.test('a secret of a list is told by its list', async (t) => {
  const clock = new VirtualClock()
  const backend = new ListBackend(clock, () => new Map([['kv/app/a', fetched('CANARY-a')]]))
  const { refresher } = createRig(t, { clock, backend, rules })
  refresher.start()
  await clock.advance(second)
  t.match(refresher.explain('app/a'), { state: 'fresh', key: 'kv/app/a' })
  t.match(refresher.explain('db'), { state: 'missing', failures: 0 })
  t.equal(refresher.explain('db')?.nextAttemptAt, refresher.explain('app/a')?.nextAttemptAt)
})

t.test('a first fetch that failed is told of the name, though nothing is held of it', async (t) => {
  const { clock, refresher } = start(t, (key) => (key === 'kv/app/x' ? denied() : good()))
  await clock.advance(second)
  await refresher.demand('app/x', second)
  const at = clock.wall()
  t.match(refresher.explain('app/x'), {
    state: 'not-loaded',
    failures: 1,
    lastError: { kind: 'denied', reason: 'denied', message: 'the backend denies the credential', at },
  })
  t.match(refresher.explain('app/y'), { state: 'undiscovered', failures: 0, lastError: undefined })
})

t.test('a list that could not be had is told of each name that only it could tell of', async (t) => {
  const clock = new VirtualClock()
  const backend = new ListBackend(clock, () => unavailable())
  const { refresher } = createRig(t, { clock, backend, rules })
  refresher.start()
  await clock.advance(0)
  const lastError = { kind: 'unavailable', reason: 'refused', at: clock.wall() }
  t.match(refresher.explain('app/a'), { state: 'undiscovered', failures: 1, lastError })
})

t.test("a provider's shorter ttl is told beside the rule's interval", async (t) => {
  let ttlMs = 20 * second
  const { clock, refresher } = start(t, () => fetched('{"password":"CANARY-1"}', { ttlMs }))
  await clock.advance(0)
  t.match(refresher.explain('db'), { refreshMs: minute, freshMs: 20 * second })
  ttlMs = hour
  await clock.advance(minute)
  t.match(refresher.explain('db'), { refreshMs: minute, freshMs: minute })
})
