import t from 'tap'
import type { ProviderError } from '../../src/secrets/provider.ts'
import type { Answer } from '../support/heart-backend.ts'
import { denied, fetched, KeyBackend, missing, throttled, unavailable } from '../support/heart-backend.ts'
import { createRig, day, hour, minute, ruleOf, second } from '../support/heart-rig.ts'
import { VirtualClock } from '../support/virtual-clock.ts'

const held = 'CANARY-db-password-1'

function start(test: Parameters<typeof createRig>[0], answer: () => Answer | Promise<Answer>) {
  const clock = new VirtualClock()
  const backend = new KeyBackend(clock, answer)
  const rig = createRig(test, { clock, backend, rules: [ruleOf('db')] })
  rig.refresher.start()
  return { ...rig, backend }
}

t.test('a value is fresh for as long as its provider confirms it', async (t) => {
  const { clock, see } = start(t, () => fetched(held))
  for (let minutes = 0; minutes < 300; minutes += 1) {
    await clock.advance(minute)
    t.equal(see('db'), `fresh ${held}`)
  }
})

/** With how long until the provider is asked again, at the most: a refused credential is tried slowly. */
const failures: [string, () => ProviderError, number][] = [
  ['unavailable', unavailable, minute],
  ['throttled', throttled, minute],
  ['denied', denied, 10 * minute],
]
for (const [kind, error, longestWait] of failures) {
  t.test(`${kind}: what is held is served, fresh, then stale, then no longer`, async (t) => {
    let answer: Answer = fetched(held)
    const { clock, cache, see } = start(t, () => answer)
    await clock.advance(0)
    answer = error()
    t.equal(see('db'), `fresh ${held}`)
    await clock.advance(minute)
    t.equal(see('db'), `fresh ${held}`, 'at the end of the interval to the millisecond')
    await clock.advance(1)
    t.equal(see('db'), `stale ${held}`, 'a moment later')
    await clock.advance(hour - minute - 1)
    t.equal(see('db'), `stale ${held}`, 'at the end of maxStale to the millisecond')
    await clock.advance(1)
    t.equal(see('db'), 'expired')
    const reading = cache.read('db')
    t.match(reading, { kind: 'expired', ageMs: hour + 1 })
    t.ok(reading.kind === 'expired' && reading.retryAfterMs > 0 && reading.retryAfterMs <= longestWait)
    t.notMatch(JSON.stringify(reading), 'CANARY-', 'nothing of the value is left in the answer')
    answer = fetched(held)
    await clock.advance(longestWait)
    t.equal(see('db'), `fresh ${held}`, 'the first success revives it')
  })

  t.test(`${kind} from the start: not loaded, with the reason and when to ask again`, async (t) => {
    const { clock, cache } = start(t, error)
    t.match(cache.read('db'), { kind: 'not-loaded', reason: 'the first fetch is under way' })
    for (let tries = 0; tries < 50; tries += 1) {
      await clock.advance(7 * second)
      const reading = cache.read('db')
      t.match(reading, { kind: 'not-loaded', reason: error().message })
      t.ok(reading.kind === 'not-loaded' && reading.retryAfterMs > 0)
    }
  })
}

t.test(
  'missing: the value is dropped at once, and the name answers like one that no rule names',
  async (t) => {
    let answer: Answer = fetched(held)
    const { clock, cache, see } = start(t, () => answer)
    await clock.advance(0)
    answer = missing()
    await clock.advance(minute)
    t.same(cache.read('db'), { kind: 'not-found' })
    t.same(cache.read('db'), cache.read('named-by-no-rule'))
    t.match(cache.status('db'), { state: 'missing', version: undefined })
    answer = fetched('CANARY-made-anew')
    await clock.advance(minute)
    t.equal(see('db'), 'fresh CANARY-made-anew', 'what is made anew is found again')
  },
)

t.test('missing from the start is not found, not "not loaded"', async (t) => {
  const { clock, see } = start(t, missing)
  await clock.advance(0)
  t.equal(see('db'), 'not-found')
})

t.test('an unavailable backend does not revive a secret that was missing before', async (t) => {
  let answer: Answer = missing()
  const { clock, see } = start(t, () => answer)
  await clock.advance(0)
  answer = unavailable()
  await clock.advance(hour)
  t.equal(see('db'), 'not-found')
})

t.test('while a fetch hangs, what is held ages and is served by its age', async (t) => {
  let answer: Answer | Promise<Answer> = fetched(held)
  const { clock, see } = start(t, () => answer)
  await clock.advance(0)
  answer = new Promise<Answer>(() => {})
  await clock.advance(minute + 1)
  t.equal(see('db'), `stale ${held}`)
  await clock.advance(hour)
  t.equal(see('db'), 'expired')
})

t.test('a value is as old as the question, not as the answer', async (t) => {
  const { promise, resolve } = Promise.withResolvers<Answer>()
  const { clock, cache } = start(t, () => promise)
  await clock.advance(20 * second)
  resolve(fetched(held))
  await clock.advance(0)
  t.match(cache.read('db'), { kind: 'held', ageMs: 20 * second })
})

t.test('a jump of the wall clock changes nothing that is served', async (t) => {
  for (const jump of [day, -day, 365 * day]) {
    let answer: Answer = fetched(held)
    const { clock, cache, see, backend } = start(t, () => answer)
    await clock.advance(0)
    answer = unavailable()
    clock.jumpWall(jump)
    t.equal(see('db'), `fresh ${held}`)
    t.match(cache.read('db'), { ageMs: 0 })
    const { calls } = backend
    t.equal(calls.length, 1)
    await clock.advance(minute + 1)
    t.equal(see('db'), `stale ${held}`)
    clock.jumpWall(-jump)
    t.equal(see('db'), `stale ${held}`)
    await clock.advance(hour)
    t.equal(see('db'), 'expired')
    clock.jumpWall(-day)
    t.equal(see('db'), 'expired', 'nor is anything revived')
  }
})

t.test('a status says in the terms of the wall clock what lies ahead on the monotonic one', async (t) => {
  const { clock, cache } = start(t, () => fetched(held, { version: 'v1' }))
  await clock.advance(0)
  const loadedAt = clock.wall()
  await clock.advance(10 * second)
  clock.jumpWall(day)
  t.match(cache.status('db'), {
    name: 'db',
    provider: 'p',
    state: 'fresh',
    required: false,
    declared: true,
    version: 'v1',
    fetchedAt: loadedAt,
    confirmedAt: loadedAt,
    ageMs: 10 * second,
    expiresAt: clock.wall() + hour - 10 * second,
  })
  const next = cache.status('db')?.nextRefreshAt ?? 0
  t.ok(next > clock.wall() && next <= clock.wall() + 50 * second)
})

t.test(
  'while the retry of a failed first fetch is under way, callers are not told to ask again at once',
  async (t) => {
    let answer: Answer | Promise<Answer> = unavailable()
    const { clock, cache } = start(t, () => answer)
    await clock.advance(0)
    answer = new Promise<Answer>(() => {})
    await clock.advance(30 * second)
    t.match(cache.read('db'), { kind: 'not-loaded', retryAfterMs: second })
  },
)

t.test('required secrets: held while they can be served, not held when they cannot', async (t) => {
  let answer: Answer = unavailable()
  const clock = new VirtualClock()
  const backend = new KeyBackend(clock, () => answer)
  const rules = [ruleOf('db', { required: true }), ruleOf('other')]
  const { cache, refresher } = createRig(t, { clock, backend, rules })
  refresher.start()
  await clock.advance(0)
  t.same(cache.required, { loadedOnce: false, held: false })
  answer = fetched(held)
  await clock.advance(minute)
  t.same(cache.required, { loadedOnce: true, held: true })
  answer = unavailable()
  await clock.advance(hour / 2)
  t.same(cache.required, { loadedOnce: true, held: true }, 'stale is held')
  await clock.advance(hour)
  t.same(cache.required, { loadedOnce: true, held: false })
})
