import type { Test } from 'tap'
import t from 'tap'
import type { CacheSettings } from '../../src/secrets/cache.ts'
import { SecretCache } from '../../src/secrets/cache.ts'
import type { Rule } from '../../src/secrets/rules.ts'
import { Rules } from '../../src/secrets/rules.ts'
import { fetched, unavailable } from '../support/heart-backend.ts'
import { Recorder } from '../support/heart-events.ts'
import { hour, inWords, minute, ruleOf, second } from '../support/heart-rig.ts'
import { settle, VirtualClock } from '../support/virtual-clock.ts'

const bounds = { maxEntries: 10, maxBytes: 1_000_000, missingTtlMs: minute }

/** A cache without a refresher: the test says what fetches bring. */
function start(t: Pick<Test, 'teardown'>, first: Rule[], more: Partial<CacheSettings> = {}) {
  const clock = new VirtualClock()
  const events = new Recorder()
  let rules = new Rules(first)
  const evicted: string[] = []
  const cache = new SecretCache({
    ...bounds,
    rules,
    clock,
    observer: events,
    onEvicted: ({ name }) => evicted.push(name),
    ...more,
  })
  t.teardown(() => cache.close())
  const matchOf = (name: string) => {
    const match = rules.find(name)
    if (match === undefined) throw new Error(`no rule names ${name}`)
    return match
  }
  return {
    clock,
    cache,
    events,
    evicted,
    matchOf,
    see: (name: string) => inWords(cache.read(name)),
    bring: (name: string, text = `CANARY-${name}`, match = matchOf(name)) =>
      cache.store(match, fetched(text), { at: clock.now(), atWall: clock.wall() }),
    drop: (name: string) => cache.drop(matchOf(name)),
    bytesOf: (name: string) => cache.entry(name)?.held?.secret.reveal() ?? Buffer.alloc(0),
    apply: (next: Rule[], changes: Partial<CacheSettings> = {}) => {
      rules = new Rules(next)
      cache.apply({ ...bounds, ...more, rules, ...changes })
    },
  }
}

const isWiped = (bytes: Buffer): boolean => bytes.length > 0 && bytes.every((byte) => byte === 0)
const pattern = ruleOf('x/*', { key: '*' })

t.test('the same rules again change nothing', async (t) => {
  const { clock, cache, see, bring, apply, events, bytesOf } = start(t, [ruleOf('a'), pattern])
  bring('a')
  bring('x/1')
  await clock.advance(second)
  const before = [cache.statuses(), cache.stats()]
  const bytes = [bytesOf('a'), bytesOf('x/1')]
  events.clear()
  apply([ruleOf('a'), pattern])
  await settle()
  t.same([cache.statuses(), cache.stats()], before)
  t.same(['a', 'x/1'].map(see), ['fresh CANARY-a', 'fresh CANARY-x/1'])
  t.same(
    [bytesOf('a'), bytesOf('x/1')].map((each, at) => each === bytes[at]),
    [true, true],
  )
  t.same(events.all, [])
})

t.test('what is named no longer is overwritten, answers 404, and is told as gone', async (t) => {
  const { cache, see, bring, apply, events, bytesOf, clock } = start(t, [
    ruleOf('a'),
    ruleOf('b'),
    ruleOf('never'),
    pattern,
  ])
  for (const name of ['a', 'b', 'x/1']) bring(name)
  const gone = [bytesOf('b'), bytesOf('x/1')]
  events.clear()
  apply([ruleOf('a')])
  await settle()
  t.ok(gone.every(isWiped))
  t.same(['a', 'b', 'x/1', 'never'].map(see), ['fresh CANARY-a', 'not-found', 'not-found', 'not-found'])
  t.same(
    events.all
      .map((event) => (event.what === 'stateChanged' ? `${event.secret} ${event.to}` : event.what))
      .sort(),
    ['b missing', 'x/1 missing'],
    'and nothing of what was never loaded',
  )
  t.same(
    events.of('stateChanged').map(({ removed }) => removed),
    [true, true],
  )
  t.equal(cache.stats().entries, 1)
  events.clear()
  await clock.advance(2 * hour)
  t.same(
    events.of('stateChanged').map(({ secret, to }) => `${secret} ${to}`),
    ['a stale', 'a expired'],
  )
})

t.test('new names are not loaded, as at a start', (t) => {
  const { see, apply, bring, cache } = start(t, [ruleOf('a')])
  apply([ruleOf('a'), ruleOf('b'), pattern])
  t.equal(see('b'), 'not-loaded')
  t.equal(see('x/1'), 'undiscovered')
  t.equal(bring('b'), 'loaded')
  t.equal(see('b'), 'fresh CANARY-b')
  t.equal(cache.stats().entries, 1)
  t.end()
})

t.test('other times count from the last confirmation, at once', async (t) => {
  const { clock, see, bring, apply, events } = start(t, [ruleOf('a')])
  bring('a')
  await clock.advance(30 * second)
  apply([ruleOf('a', { refreshMs: 10 * second, maxStaleMs: 40 * second })])
  t.equal(see('a'), 'stale CANARY-a')
  t.match(events.of('stateChanged').at(-1), { from: 'fresh', to: 'stale' })
  await clock.advance(10 * second + 1)
  t.equal(see('a'), 'expired')
  t.match(events.of('stateChanged').at(-1), { from: 'stale', to: 'expired' })
  apply([ruleOf('a', { refreshMs: hour, maxStaleMs: hour })])
  t.equal(see('a'), 'fresh CANARY-a')
})

t.test('a ttl that the provider gave goes on to count', async (t) => {
  const { clock, cache, see, matchOf, apply } = start(t, [ruleOf('a')])
  cache.store(matchOf('a'), fetched('CANARY-a', { ttlMs: 20 * second }), { at: 0, atWall: clock.wall() })
  apply([ruleOf('a', { refreshMs: hour, maxStaleMs: hour })])
  await clock.advance(20 * second)
  t.equal(see('a'), 'fresh CANARY-a')
  await clock.advance(1)
  t.equal(see('a'), 'stale CANARY-a')
})

for (const [words, change] of [
  ['provider', { provider: 'q' }],
  ['key', { key: 'elsewhere' }],
  ['field', { field: 'password' }],
] as const) {
  t.test(`with another ${words}, what is held is served until the new place has answered`, (t) => {
    const { cache, see, bring, drop, apply, matchOf } = start(t, [ruleOf('a')])
    bring('a', 'CANARY-old')
    const old = matchOf('a')
    const entry = cache.entry('a')
    if (entry === undefined) throw new Error('not there')
    Object.assign(entry.attempts, { nextAt: 5, lastFailure: 'of the old place' })
    apply([ruleOf('a', change)])
    t.equal(see('a'), 'fresh CANARY-old')
    t.same(entry.attempts, { nextAt: undefined, failures: 0, lastFailure: undefined, lastError: undefined })
    t.equal(
      bring('a', 'CANARY-late', old),
      'unwanted',
      'an answer of the old place that comes now is for nobody',
    )
    cache.drop(old)
    t.equal(see('a'), 'fresh CANARY-old')
    t.equal(bring('a', 'CANARY-new'), 'rotated')
    t.equal(see('a'), 'fresh CANARY-new')
    drop('a')
    t.equal(see('a'), 'not-found')
    t.end()
  })
}

t.test('that the old place had nothing says nothing of the new one', (t) => {
  const { see, bring, drop, apply } = start(t, [ruleOf('a')])
  bring('a')
  drop('a')
  apply([ruleOf('a')])
  t.equal(see('a'), 'not-found')
  apply([ruleOf('a', { provider: 'q' })])
  t.equal(see('a'), 'not-loaded')
  t.end()
})

t.test('an answer for a name that is gone does not bring it back', (t) => {
  const { cache, see, bring, apply, matchOf } = start(t, [ruleOf('a'), pattern])
  const [a, x] = [matchOf('a'), matchOf('x/1')]
  apply([ruleOf('b')])
  const late = fetched('CANARY-late')
  t.equal(cache.store(a, late, { at: 0, atWall: 0 }), 'unwanted')
  t.ok(isWiped(late.value.reveal()))
  t.equal(bring('x/1', 'CANARY-late', x), 'unwanted')
  cache.drop(x)
  t.same(['a', 'x/1'].map(see), ['not-found', 'not-found'])
  t.same(cache.stats(), { entries: 0, bytes: 0 })
  t.end()
})

t.test('a name that moves between a rule of its own and a pattern keeps its value', (t) => {
  const { cache, see, bring, apply, events } = start(t, [ruleOf('x/1', { key: '1' }), pattern])
  bring('x/1')
  bring('x/2')
  const size = cache.stats()
  events.clear()
  apply([ruleOf('x/2', { key: '2' }), pattern])
  t.same(['x/1', 'x/2'].map(see), ['fresh CANARY-x/1', 'fresh CANARY-x/2'])
  t.match(cache.statuses(), [
    { name: 'x/1', declared: false },
    { name: 'x/2', declared: true },
  ])
  t.same(cache.stats(), size)
  t.same(events.all, [])
  t.equal(bring('x/1'), 'unchanged')
  t.same(
    cache.discovered('p').map(({ name }) => name),
    ['x/1'],
  )
  t.end()
})

t.test('a declared secret that was not loaded is asked for as any other of the pattern it falls to', (t) => {
  const { see, apply, drop } = start(t, [ruleOf('x/1', { key: '1' }), ruleOf('x/2', { key: '2' })])
  drop('x/2')
  apply([pattern])
  t.same(['x/1', 'x/2'].map(see), ['undiscovered', 'undiscovered'])
  t.end()
})

t.test('within smaller bounds the least recently read go, in the order of use', (t) => {
  const { cache, see, bring, apply, evicted, bytesOf } = start(t, [pattern])
  for (const name of ['x/1', 'x/2', 'x/3', 'x/4']) bring(name)
  see('x/1')
  const gone = ['x/2', 'x/3'].map(bytesOf)
  apply([pattern], { maxEntries: 2 })
  t.same(evicted, [], 'the refresher asks what is held')
  t.same(['x/1', 'x/2', 'x/3', 'x/4'].map(see), [
    'fresh CANARY-x/1',
    'undiscovered',
    'undiscovered',
    'fresh CANARY-x/4',
  ])
  see('x/1')
  bring('x/5')
  t.same(['x/1', 'x/4', 'x/5'].map(see), ['fresh CANARY-x/1', 'undiscovered', 'fresh CANARY-x/5'])
  t.same(evicted, ['x/4'])
  apply([pattern], { maxEntries: 3 })
  bring('x/6')
  t.equal(cache.stats().entries, 3)
  return settle().then(() => t.ok(gone.every(isWiped)))
})

t.test('within fewer bytes those go that have no room, and a larger one is refused from then on', (t) => {
  const { see, bring, apply, cache } = start(t, [pattern])
  bring('x/big', 'CANARY-'.padEnd(20_000, '.'))
  bring('x/1')
  bring('x/2')
  apply([pattern], { maxBytes: 10_000 })
  t.same(['x/big', 'x/1', 'x/2'].map(see), ['undiscovered', 'fresh CANARY-x/1', 'fresh CANARY-x/2'])
  t.ok(cache.stats().bytes < 10_000)
  t.equal(bring('x/big', 'CANARY-'.padEnd(20_000, '.')), 'too-large')
  t.end()
})

t.test('what is remembered as missing is remembered for as long as the same place is asked', async (t) => {
  const { see, drop, apply, cache, clock } = start(t, [pattern, ruleOf('y/*', { key: '*' })])
  drop('x/1')
  drop('y/1')
  cache.rememberFailure('y/2', minute, unavailable())
  apply([pattern, ruleOf('y/*', { provider: 'q', key: '*' })])
  t.same(['x/1', 'y/1', 'y/2'].map(see), ['not-found', 'undiscovered', 'undiscovered'])
  apply([pattern], { missingTtlMs: hour })
  drop('x/2')
  await clock.advance(2 * minute)
  t.same(['x/1', 'x/2'].map(see), ['undiscovered', 'not-found'])
})

t.test('no more than maxMissing names are remembered, also when it changes', (t) => {
  const { see, drop, apply } = start(t, [pattern], { maxMissing: 3 })
  const names = [1, 2, 3, 4].map((at) => `x/${at}`)
  for (const name of names) drop(name)
  t.same(names.map(see), ['undiscovered', 'not-found', 'not-found', 'not-found'])
  apply([pattern], { maxMissing: 1 })
  t.same(names.map(see), ['undiscovered', 'undiscovered', 'undiscovered', 'not-found'])
  t.end()
})

t.test('what a list did not name counts for as long as its patterns are the same', (t) => {
  const { see, apply, cache } = start(t, [pattern, ruleOf('y/*', { provider: 'q', key: '*' })])
  cache.swept('p', 0, [])
  cache.swept('q', 0, [])
  apply([pattern, ruleOf('y/*', { provider: 'q', key: 'k*' })])
  t.same(['x/1', 'y/1'].map(see), ['not-found', 'undiscovered'])
  t.end()
})

t.test('before the first ready, what is required is what the configuration says now', (t) => {
  const { apply, bring, cache } = start(t, [ruleOf('a', { required: true }), ruleOf('b', { required: true })])
  bring('a')
  t.equal(cache.loadedRequired, false)
  apply([ruleOf('a', { required: true }), ruleOf('c', { required: true })])
  t.same(cache.required, { loadedOnce: false, held: false })
  bring('c')
  t.same(cache.required, { loadedOnce: true, held: true })
  t.end()
})

t.test('dropping what nobody could load makes the sidecar ready', (t) => {
  const { apply, bring, cache } = start(t, [ruleOf('a', { required: true }), ruleOf('b', { required: true })])
  bring('a')
  apply([ruleOf('a', { required: true }), ruleOf('b')])
  t.same(cache.required, { loadedOnce: true, held: true })
  t.end()
})

t.test('after it, a secret that is required too counts from its first load on', async (t) => {
  const times = { required: true, refreshMs: minute, maxStaleMs: 2 * minute }
  const { apply, bring, cache, clock } = start(t, [ruleOf('a', { required: true, maxStaleMs: 10 * hour })])
  bring('a')
  apply([
    ruleOf('a', { required: true, maxStaleMs: 10 * hour }),
    ruleOf('b', times),
    ruleOf('x/*', { key: '*', required: true }),
  ])
  t.same(cache.required, { loadedOnce: true, held: true }, 'it was ready, and is')
  bring('b')
  t.same(cache.required, { loadedOnce: true, held: true })
  await clock.advance(2 * minute + 1)
  t.same(cache.required, { loadedOnce: true, held: false }, 'expired, it counts like every other')
  apply([ruleOf('a', { required: true, maxStaleMs: 10 * hour }), ruleOf('b', { ...times, required: false })])
  t.same(cache.required, { loadedOnce: true, held: true })
})

t.test(
  'a list was not read for a name that was declared then, and does not make it missing now',
  async (t) => {
    const { clock, cache, see, apply } = start(t, [ruleOf('x/1', { provider: 'other' }), pattern])
    cache.swept('p', clock.now(), [])
    apply([pattern])
    t.equal(see('x/1'), 'undiscovered')
  },
)
