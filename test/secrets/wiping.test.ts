import t from 'tap'
import type { SecretCache } from '../../src/secrets/cache.ts'
import { Rendition } from '../../src/secrets/rendition.ts'
import { Secret, SecretValue } from '../../src/secrets/secret.ts'
import type { Answer } from '../support/heart-backend.ts'
import { fetched, KeyBackend, ListBackend, missing } from '../support/heart-backend.ts'
import type { RigOptions } from '../support/heart-rig.ts'
import { createRig, inWords, minute, ruleOf, second } from '../support/heart-rig.ts'
import { settle, VirtualClock } from '../support/virtual-clock.ts'

const isWiped = (bytes: Buffer): boolean => bytes.length > 0 && bytes.every((byte) => byte === 0)

/** Every buffer that holds something of a secret, in all the forms in which it is served. */
function buffersOf(cache: SecretCache, name: string, field?: string): Buffer[] {
  const reading = cache.read(name)
  if (reading.kind !== 'held') throw new Error(`${name} is ${reading.kind}`)
  const { rendition, secret } = reading
  const made = [
    rendition.represent('json', 'fresh'),
    rendition.represent('json', 'stale'),
    rendition.represent('raw', 'fresh'),
    ...(field === undefined
      ? []
      : [rendition.represent('raw', 'fresh', field), rendition.represent('json', 'fresh', field)]),
  ]
  return [secret.reveal(), ...made.map((each) => each?.reveal() ?? Buffer.alloc(0))]
}

async function start(
  test: Parameters<typeof createRig>[0],
  answer: (key: string) => Answer,
  more: Partial<RigOptions> = {},
) {
  const clock = new VirtualClock()
  const backend = new KeyBackend(clock, answer)
  const rules = [ruleOf('db'), ruleOf('x/*', { key: '*' })]
  const rig = createRig(test, { clock, backend, rules, ...more })
  rig.refresher.start()
  await clock.advance(0)
  /** Fetches a secret, late enough after the last time. */
  const fetchNow = async (name: string): Promise<void> => {
    await clock.advance(2 * second)
    await rig.refresher.refresh(name)
  }
  return { ...rig, clock, backend, fetchNow }
}

t.test('a rotation overwrites the old version, in all its forms, and leaves the new one whole', async (t) => {
  let text = '{"password":"CANARY-1"}'
  const { cache, fetchNow, see } = await start(t, () => fetched(text))
  const old = buffersOf(cache, 'db', 'password')
  text = '{"password":"CANARY-2"}'
  t.notOk(old.some(isWiped))
  await fetchNow('db')
  await settle()
  t.ok(old.every(isWiped))
  t.equal(see('db'), 'fresh {"password":"CANARY-2"}')
})

t.test('an unchanged answer overwrites nothing of what is held', async (t) => {
  const { clock, cache, see } = await start(t, () => fetched('CANARY-1'))
  const held = buffersOf(cache, 'db')
  await clock.advance(10 * minute)
  t.notOk(held.some(isWiped))
  t.equal(see('db'), 'fresh CANARY-1')
})

t.test('what its provider says is missing is overwritten', async (t) => {
  let answer: Answer = fetched('CANARY-1')
  const { cache, refresher, fetchNow } = await start(t, () => answer)
  await refresher.demand('x/a', second)
  const held = [...buffersOf(cache, 'db'), ...buffersOf(cache, 'x/a')]
  answer = missing()
  await fetchNow('db')
  await fetchNow('x/a')
  await settle()
  t.ok(held.every(isWiped))
})

t.test('what is evicted is overwritten', async (t) => {
  const { cache, refresher, see } = await start(t, (key) => fetched(`CANARY-${key}`), { maxEntries: 1 })
  await refresher.demand('x/a', second)
  const held = buffersOf(cache, 'x/a')
  await refresher.demand('x/b', second)
  await settle()
  t.ok(held.every(isWiped))
  t.equal(see('x/b'), 'fresh CANARY-b')
})

t.test('at the end everything is overwritten at once, and what was about to be', async (t) => {
  let text = 'CANARY-1'
  const { cache, refresher, fetchNow } = await start(t, () => fetched(text))
  await refresher.demand('x/a', second)
  const old = buffersOf(cache, 'db')
  text = 'CANARY-2'
  await fetchNow('db')
  const held = [...old, ...buffersOf(cache, 'db'), ...buffersOf(cache, 'x/a')]
  cache.close()
  t.ok(held.every(isWiped))
})

t.test(
  'a reader that waited for a fetch gets its value, although it is evicted in the same moment',
  async (t) => {
    const clock = new VirtualClock()
    const list = new Map(['a', 'b', 'c'].map((key) => [key, fetched(`CANARY-${key}`)]))
    const { promise, resolve } = Promise.withResolvers<typeof list>()
    const backend = new ListBackend(clock, () => promise)
    const { refresher, cache } = createRig(t, {
      clock,
      backend,
      rules: [ruleOf('x/*', { key: '*' })],
      maxEntries: 1,
    })
    const reading = refresher.demand('x/c', second).then((told) => {
      cache.store({ rule: ruleOf('x/*', { key: '*' }), name: 'x/d', key: 'd' }, fetched('CANARY-d'), {
        at: 0,
        atWall: 0,
      })
      return Promise.resolve().then(() => inWords(told))
    })
    resolve(list)
    t.equal(await reading, 'fresh CANARY-c')
  },
)

t.test('what a fetch brought and nobody keeps is overwritten at once', async (t) => {
  const brought: Buffer[] = []
  const clock = new VirtualClock()
  const answers = (): Map<string, Answer> =>
    new Map(
      ['doc', 'twice', 'nobody', 'x1'].map((key) => {
        const bytes = Buffer.from(`{"password":"CANARY-${key}"}`)
        brought.push(bytes)
        return [key, { value: new SecretValue(bytes) }]
      }),
    )
  const backend = { fetch: async () => new Map(), fetchAll: async () => answers() }
  const rules = [
    ruleOf('user', { key: 'doc', field: 'password' }),
    ruleOf('bad', { key: 'doc', field: 'nope' }),
    ruleOf('one', { key: 'twice' }),
    ruleOf('two', { key: 'twice' }),
    ruleOf('x/*', { key: 'x*' }),
  ]
  const { refresher, see } = createRig(t, { clock, backend, rules })
  refresher.start()
  await clock.advance(0)
  t.same(brought.map(isWiped), [true, true, true, false], 'the last is held as it came')
  t.equal(see('user'), 'fresh CANARY-doc')
  t.equal(see('one'), see('two'))
  t.match(see('one'), 'CANARY-twice')
  await clock.advance(2 * second)
  await refresher.refresh('user')
  t.ok(brought.length > 4 && brought.slice(4).every(isWiped), 'unchanged, none is kept')
  t.match(see('x/1'), 'CANARY-x1')
})

t.test('secrets of one key are overwritten each at its own time', async (t) => {
  let list = new Map<string, Answer>([
    ['a', fetched('CANARY-a')],
    ['b', fetched('CANARY-b')],
  ])
  const clock = new VirtualClock()
  const backend = new ListBackend(clock, () => list)
  const rules = [ruleOf('one', { key: 'a' }), ruleOf('x/*', { key: '*' })]
  const { refresher, cache, see } = createRig(t, { clock, backend, rules, maxEntries: 1 })
  refresher.start()
  await clock.advance(0)
  list = new Map([...list, ['c', fetched('CANARY-c')]])
  await clock.advance(2 * second)
  await refresher.refresh('one')
  await settle()
  t.equal(see('x/a'), 'undiscovered', 'one of the two that came with the key is evicted')
  t.equal(see('one'), 'fresh CANARY-a')
  t.notOk(buffersOf(cache, 'one').some(isWiped))
})

t.test('what is on its way to a caller is overwritten when it is sent, and not before', (t) => {
  const secret = new Secret('db', 'v1', SecretValue.fromText('CANARY-1'))
  const rendition = new Rendition(secret, 0)
  const raw = rendition.represent('raw', 'fresh')?.reveal() ?? Buffer.alloc(0)
  const json = rendition.represent('json', 'fresh')?.reveal() ?? Buffer.alloc(0)
  rendition.pin()
  rendition.pin()
  rendition.wipe()
  rendition.unpin()
  t.equal(raw.toString(), 'CANARY-1')
  t.match(json.toString(), 'CANARY-1')
  rendition.unpin()
  t.ok(isWiped(raw))
  t.ok(isWiped(json))
  t.end()
})

t.test('a pin alone overwrites nothing', (t) => {
  const rendition = new Rendition(new Secret('db', 'v1', SecretValue.fromText('CANARY-1')), 0)
  rendition.pin()
  rendition.unpin()
  t.equal(rendition.represent('raw', 'fresh')?.reveal().toString(), 'CANARY-1')
  t.end()
})

t.test('a reading that is used after its turn is an error, and never zeroes for a secret', (t) => {
  const rendition = new Rendition(new Secret('db', 'v1', SecretValue.fromText('CANARY-1')), 0)
  rendition.wipe()
  t.throws(() => rendition.represent('raw', 'fresh'), /read the cache again/)
  t.end()
})

t.test('a field beyond those that are kept is overwritten as soon as it is sent', (t) => {
  const fields = Array.from({ length: 40 }, (_, at) => `f${at}`)
  const text = JSON.stringify(Object.fromEntries(fields.map((field) => [field, `CANARY-${field}`])))
  const rendition = new Rendition(new Secret('db', 'v1', SecretValue.fromText(text)), 0)
  for (const field of fields) {
    const made = rendition.represent('raw', 'fresh', field)
    if (made === undefined) throw new Error('no such field')
    t.equal(made.reveal().toString(), `CANARY-${field}`)
    rendition.sent(made)
    t.equal(isWiped(made.reveal()), made.isPassing)
  }
  t.equal(rendition.represent('raw', 'fresh', 'f0')?.reveal().toString(), 'CANARY-f0')
  t.equal(rendition.represent('raw', 'fresh', 'f39')?.reveal().toString(), 'CANARY-f39', 'made anew')
  t.end()
})
