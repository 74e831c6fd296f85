import t from 'tap'
import { headerSafeVersion } from '../../src/secrets/secret.ts'
import type { Answer } from '../support/heart-backend.ts'
import { fetched, KeyBackend, missing, unavailable } from '../support/heart-backend.ts'
import { createRig, minute, ruleOf } from '../support/heart-rig.ts'
import { VirtualClock } from '../support/virtual-clock.ts'

async function start(test: Parameters<typeof createRig>[0], first: Answer) {
  const clock = new VirtualClock()
  const backend = new KeyBackend(clock, () => first)
  const rig = createRig(test, { clock, backend, rules: [ruleOf('db')] })
  rig.refresher.start()
  await clock.advance(0)
  const next = async (answer: Answer): Promise<void> => {
    backend.answer = () => answer
    await clock.advance(minute)
  }
  const held = () => {
    const reading = rig.cache.read('db')
    if (reading.kind !== 'held') throw new Error(`it is ${reading.kind}`)
    return { ...reading, version: reading.secret.version, text: reading.secret.reveal().toString() }
  }
  return { ...rig, next, held }
}

t.test('a new version is a rotation', async (t) => {
  const { next, held, events } = await start(t, fetched('CANARY-1', { version: 'v1' }))
  await next(fetched('CANARY-2', { version: 'v2' }))
  t.match(held(), { version: 'v2', text: 'CANARY-2' })
  t.match(events.of('rotated'), [
    { secret: 'db', provider: 'p', version: 'v2', previousVersion: 'v1', declared: true },
  ])
  t.equal(events.of('loaded').length, 1)
})

t.test('a new version of the same bytes is a rotation too', async (t) => {
  const { next, held, events } = await start(t, fetched('CANARY-1', { version: 'v1' }))
  await next(fetched('CANARY-1', { version: 'v2' }))
  t.equal(held().version, 'v2')
  t.equal(events.of('rotated').length, 1)
})

t.test('without versions the content decides, and the version says nothing of it', async (t) => {
  const { next, held, events } = await start(t, fetched('CANARY-1'))
  const first = held()
  t.match(first.version, /^h-[0-9a-f]{16}$/)
  t.notMatch(first.version, Buffer.from('CANARY-1').toString('hex'))
  await next(fetched('CANARY-1'))
  t.equal(events.of('rotated').length, 0)
  await next(fetched('CANARY-2'))
  t.equal(events.of('rotated').length, 1)
  t.not(held().version, first.version)
  await next(fetched('CANARY-1'))
  t.equal(held().version, first.version, 'the same content is the same version again')
})

t.test('the same version with other bytes reaches callers who compare versions', async (t) => {
  const { next, held } = await start(t, fetched('CANARY-1', { version: 'v1' }))
  const seen = new Set([held().version])
  for (const text of ['CANARY-2', 'CANARY-3', 'CANARY-4']) {
    await next(fetched(text, { version: 'v1' }))
    t.equal(held().text, text)
    t.match(held().version, /^v1\+h-[0-9a-f]{16}$/)
    seen.add(held().version)
  }
  t.equal(seen.size, 4)
})

t.test('a version of 128 characters that is used again still makes a version fit for a header', async (t) => {
  const version = 'v'.repeat(128)
  const { next, held } = await start(t, fetched('CANARY-1', { version }))
  t.equal(held().version, version)
  await next(fetched('CANARY-2', { version }))
  t.ok(held().version.length <= 128)
  t.not(held().version, version)
})

t.test(
  'an unchanged answer keeps the very same objects: no new rendering, and its bytes neither',
  async (t) => {
    for (const version of [undefined, 'v1']) {
      const answer = () => fetched('CANARY-1', version === undefined ? {} : { version })
      const { next, held } = await start(t, answer())
      const before = held()
      const json = before.rendition.represent('json', 'fresh')
      for (let refreshes = 0; refreshes < 10; refreshes += 1) await next(answer())
      await next(unavailable())
      await next(answer())
      const after = held()
      t.equal(after.secret, before.secret)
      t.equal(after.rendition, before.rendition)
      t.equal(after.rendition.represent('json', 'fresh'), json)
    }
  },
)

t.test('a rotation is served whole: secret, rendition and version change together', async (t) => {
  const { next, held, cache } = await start(t, fetched('CANARY-1', { version: 'v1' }))
  const before = held()
  await next(fetched('CANARY-2', { version: 'v2' }))
  const body = String(held().rendition.represent('json', 'fresh')?.reveal())
  t.match(JSON.parse(body), { value: 'CANARY-2', version: 'v2' })
  t.equal(cache.status('db')?.version, 'v2')
  t.equal(before.secret.reveal().toString(), 'CANARY-1', 'who is still sending the old one sends it whole')
})

t.test('an unchanged answer moves the age, not the time of the fetch', async (t) => {
  const { next, cache, clock } = await start(t, fetched('CANARY-1'))
  const { fetchedAt, confirmedAt } = cache.status('db') ?? {}
  await next(fetched('CANARY-1'))
  const status = cache.status('db')
  t.equal(status?.fetchedAt, fetchedAt)
  t.equal(status?.confirmedAt, (confirmedAt ?? 0) + 27_540)
  t.equal(status?.ageMs, clock.now() - 27_540)
})

t.test('what comes back after it was missing is loaded, not rotated', async (t) => {
  const { next, events } = await start(t, fetched('CANARY-1', { version: 'v1' }))
  await next(missing())
  await next(fetched('CANARY-2', { version: 'v1' }))
  t.equal(events.of('loaded').length, 2)
  t.equal(events.of('rotated').length, 0)
})

t.test('versions unfit for a header are told apart by a hash, the others stay as they are', async (t) => {
  for (const fit of ['1', 'v1', 'AWSCURRENT', '2f1c7a9e-1', 'a/b', "it's", '~', 'x'.repeat(128)]) {
    t.equal(headerSafeVersion(fit), fit)
  }
  const unfit = [
    '',
    ' ',
    'a b',
    'a"b',
    'a\\b',
    'a\r\nSet-Cookie: x',
    'ä',
    '\u0000',
    'x'.repeat(129),
    '\ud800',
  ]
  const safe = unfit.map(headerSafeVersion)
  for (const version of safe) t.match(version, /^v-[0-9a-f]{16}$/)
  t.equal(new Set(safe).size, unfit.length)
  const { held } = await start(t, fetched('CANARY-1', { version: 'two words' }))
  t.match(held().version, /^v-[0-9a-f]{16}$/)
})
