import t, { type Test } from 'tap'
import { answer } from '../../support/backend.ts'
import { sendStatus } from '../../support/fake-kubernetes.ts'
import { statusOf } from '../../support/fake-kubernetes-objects.ts'
import { startWatching, type Watching } from './watching.ts'

/** A rig with one Secret that is watched. */
async function watched(t: Test): Promise<Watching> {
  const rig = await startWatching(t)
  rig.fake.store.put('app', 'db', { key: 'CANARY-1' })
  rig.watch()
  await rig.fetch('db/key')
  await heard(rig)
  return rig
}

/** Waits until events arrive: only then the answer to the watch is known to be there, and time may move on. */
async function heard(rig: Watching): Promise<void> {
  await rig.fake.watched()
  rotate(rig, 'heard')
  await rig.next()
  await rig.fetch('db/key')
}

const rotate = ({ fake }: Watching, to: string): void => fake.store.put('app', 'db', { key: `CANARY-${to}` })
const last = ({ fake }: Watching): string | undefined => fake.seen.at(-1)?.query.resourceVersion

t.test('a watch that the server ends in good order goes on at once, where it was', async (t) => {
  const rig = await watched(t)
  rotate(rig, '2')
  await rig.next()
  const version = String(rig.fake.store.revision)
  await rig.clock.advance(5000)
  for (const watch of [...rig.fake.watches]) watch.end()
  await rig.fake.wasAsked('watch db', 2)
  t.equal(last(rig), version)
  t.equal(rig.fake.count('list db'), 1)
  await rig.fake.watched()
  rotate(rig, '3')
  t.same(await rig.next(), ['db/key'])
  t.same(rig.warnings, [])
})

t.test('a bookmark moves the place that a watch goes on from', async (t) => {
  const rig = await watched(t)
  for (let at = 0; at < 5; at++) rig.fake.store.put('app', 'other', { key: 'CANARY-o' })
  const version = rig.fake.store.revision
  for (const watch of [...rig.fake.watches]) {
    watch.bookmark(version)
    await rig.clock.advance(5000)
    watch.end()
  }
  await rig.fake.wasAsked('watch db', 2)
  t.equal(last(rig), String(version))
  t.same(rig.changes, [])
})

t.test('a watch that is cut goes on within a second, and misses nothing', async (t) => {
  const rig = await watched(t)
  for (const watch of [...rig.fake.watches]) watch.cut()
  await rig.fake.unwatched()
  rotate(rig, '2')
  const took = await rig.advanceUntilAsked('watch db', 2)
  t.ok(took <= 1000, `${took} ms`)
  t.same(await rig.next(), ['db/key'])
  t.equal(rig.fake.count('list db'), 1)
})

t.test('half a line is none, and its event comes again', async (t) => {
  const rig = await watched(t)
  for (const watch of [...rig.fake.watches]) watch.cutsNext = true
  rotate(rig, '2')
  await rig.advanceUntilAsked('watch db', 2)
  t.same(await rig.next(), ['db/key'])
})

t.test('events are told apart however they are cut into pieces', async (t) => {
  const rig = await watched(t)
  const event = (revision: number) =>
    `${JSON.stringify({ type: 'MODIFIED', object: { metadata: { name: 'db', uid: 'u', resourceVersion: String(revision) } } })}\n`
  const both = Buffer.from(`${event(2001)}${event(2002)}\n`)
  const [watch] = rig.fake.watches
  for (let at = 0; at < both.length; at += 7) watch?.raw(both.subarray(at, at + 7))
  t.same(await rig.next(2), ['db/key', 'db/key'])
})

for (const byStatus of [false, true]) {
  const how = byStatus ? 'a status' : 'an event'
  t.test(`where the history is gone, as ${how} says, what changed is found out by a list`, async (t) => {
    const rig = await watched(t)
    rig.fake.goneByStatus = byStatus
    await rig.clock.advance(5000)
    for (const watch of [...rig.fake.watches]) watch.cut()
    await rig.fake.unwatched()
    rotate(rig, '2')
    rig.fake.store.compact()
    await rig.advanceUntilAsked('list db', 2)
    t.same(await rig.next(), ['db/key'])
    await rig.fetch('db/key')
    await rig.fake.watched()
    t.equal(rig.fake.count('list db'), 2)

    for (const watch of [...rig.fake.watches]) watch.cut()
    await rig.fake.unwatched()
    rig.fake.store.compact()
    await rig.advanceUntilAsked('list db', 3)
    await rig.fake.watched()
    t.same(rig.changes, [], 'and nothing is reported where nothing changed')
  })
}

t.test('a history that is always gone makes no hot loop', async (t) => {
  const rig = await watched(t)
  rig.fake.misbehaviour = ({ verb }) => (verb === 'watch' ? answer(410, '{}') : undefined)
  for (const watch of [...rig.fake.watches]) watch.cut()
  await rig.fake.unwatched()
  await rig.advanceUntilAsked('watch db', 4)
  const took = await rig.advanceUntilAsked('watch db', 12)
  t.ok(took > 60_000, `eight tries in ${took} ms`)
})

t.test('a connection that is dead and silent is noticed, and what was missed is reported', async (t) => {
  const rig = await watched(t)
  for (const watch of [...rig.fake.watches]) watch.isDead = true
  rotate(rig, '2')
  await rig.clock.advance(119_000)
  t.equal(rig.fake.count('watch db'), 1)
  await rig.clock.advance(1000)
  await rig.advanceUntilAsked('watch db', 2)
  t.same(await rig.next(), ['db/key'])
  t.same(rig.warnings, [])
})

t.test('a watch that is never answered is given up after the timeout', async (t) => {
  const rig = await watched(t)
  rig.fake.misbehaviour = ({ verb }) => (verb === 'watch' ? () => {} : undefined)
  for (const watch of [...rig.fake.watches]) watch.cut()
  await rig.fake.unwatched()
  await rig.advanceUntilAsked('watch db', 2)
  const took = await rig.advanceUntilAsked('watch db', 3)
  t.ok(took >= 5000 && took <= 8000, `${took} ms`)
})

t.test('watches that end at once are tried less and less often, and told of once', async (t) => {
  const rig = await watched(t)
  rig.fake.misbehaviour = ({ verb }) => (verb === 'watch' ? answer(200, '') : undefined)
  for (const watch of [...rig.fake.watches]) watch.end()
  await rig.advanceUntilAsked('watch db', 6)
  const took = await rig.advanceUntilAsked('watch db', 16)
  t.ok(took > 100_000 && took < 400_000, `ten tries in ${took} ms`)
  rig.fake.misbehaviour = ({ verb }) => (verb === 'watch' ? answer(500, 'CANARY') : undefined)
  await rig.advanceUntilAsked('watch db', 26)
  t.equal(rig.warnings.length, 1)
  t.match(rig.warnings[0], /the API server failed .*fails again and again/)
  rig.fake.misbehaviour = undefined
  await rig.advanceUntilAsked('watch db', 27)
  await rig.fake.watched()
  rotate(rig, '2')
  t.same(await rig.next(), ['db/key'])
})

t.test('the pause that the server asks for is kept', async (t) => {
  const rig = await watched(t)
  rig.fake.misbehaviour = ({ verb }) =>
    verb === 'watch' ? answer(429, 'CANARY', { 'retry-after': '45' }) : undefined
  for (const watch of [...rig.fake.watches]) watch.cut()
  await rig.fake.unwatched()
  await rig.advanceUntilAsked('watch db', 2)
  rig.fake.misbehaviour = undefined
  const took = await rig.advanceUntilAsked('watch db', 3)
  t.ok(took >= 45_000 && took < 50_000, `${took} ms`)

  await rig.fake.watched()
  const status = statusOf(500, 'ServerTimeout', { retryAfterSeconds: 45 })
  for (const watch of [...rig.fake.watches]) watch.error(status)
  await rig.fake.unwatched()
  const again = await rig.advanceUntilAsked('watch db', 4)
  t.ok(again >= 45_000 && again < 50_000, `${again} ms`)
})

t.test('what is no event is not read on, and what changed is found out by a list', async (t) => {
  const rig = await watched(t)
  const nonsense: readonly (string | Buffer)[] = [
    'CANARY no JSON\n',
    '[]\n',
    '{"type":"ADDED"}\n',
    '{"type":"CANARY","object":{}}\n',
    '{"type":"ADDED","object":{"metadata":{"name":"../CANARY","resourceVersion":"1"}}}\n',
    '{"type":"BOOKMARK","object":{"metadata":{"resourceVersion":7}}}\n',
    Buffer.alloc(5 * 1024 * 1024, 'CANARY-'),
  ]
  for (const [at, bytes] of nonsense.entries()) {
    await heard(rig)
    await rig.clock.advance(5000)
    for (const watch of [...rig.fake.watches]) watch.raw(bytes)
    await rig.fake.unwatched()
    rotate(rig, `n${at}`)
    await rig.advanceUntilAsked('list db', at + 2)
    t.same(await rig.next(), ['db/key'])
    await rig.fetch('db/key')
  }
  t.same(rig.warnings, [])
})

t.test(
  'a watch that is not permitted is told once for all, with the verb, and reading goes on',
  async (t) => {
    const reading = { namespace: 'app', verbs: ['get'] }
    const listing = { namespace: 'app', verbs: ['get', 'list'] }
    const rig = await startWatching(t, {}, { grants: { 'CANARY-token': [listing] } })
    const { fake } = rig
    for (const name of ['a', 'b', 'c']) fake.store.put('app', name, { key: 'CANARY-1' })
    rig.watch()
    await rig.fetch('a/key', 'b/key', 'c/key')
    for (const name of ['a', 'b', 'c']) await fake.wasAsked(`watch ${name}`, 1)
    await rig.warned()
    t.match(
      rig.warnings[0],
      /may not watch the Secret "." in the namespace "app".*verbs: \["watch"\].*Without the verb watch changes are noticed by refresh alone/,
    )
    await rig.fetch('a/key')
    fake.grants.set('CANARY-token', [reading])
    const took = await rig.advanceUntilAsked('watch a', 2, 500)
    t.ok(took > 290_000 && took < 370_000, `it is asked again after ${took} ms`)
    t.equal(rig.warnings.length, 1)

    fake.grants.set('CANARY-token', [{ namespace: 'app', verbs: ['get', 'list', 'watch'] }])
    await rig.advanceUntilAsked('watch a', 3, 500)
    await fake.watched(1, 'a')
    fake.store.put('app', 'a', { key: 'CANARY-2' })
    t.same(await rig.next(), ['a/key'], 'and it is had when it is permitted')
  },
)

t.test('the verb list is told where that is the one that lacks', async (t) => {
  const rig = await startWatching(
    t,
    {},
    { grants: { 'CANARY-token': [{ namespace: 'app', verbs: ['get', 'watch'] }] } },
  )
  rig.fake.store.put('app', 'db', { key: 'CANARY-1' })
  rig.watch()
  await rig.fetch('db/key')
  await rig.warned()
  t.match(rig.warnings[0], /may not list the Secret "db".*Without the verb list/)
})

t.test('a token that no longer holds is read again for the next watch', async (t) => {
  const { StringSource } = await import('../../../src/config/source.ts')
  const { writeFile } = await import('node:fs/promises')
  const file = `${t.testdir({ token: 'CANARY-token' })}/token`
  const rig = await startWatching(t, { token: new StringSource({ file }) })
  const { fake } = rig
  fake.store.put('app', 'db', { key: 'CANARY-1' })
  rig.watch()
  await rig.fetch('db/key')
  await fake.watched()
  fake.grants = new Map([['CANARY-rotated', [{ namespace: 'app', verbs: ['get', 'list', 'watch'] }]]])
  await writeFile(file, 'CANARY-rotated\n')
  for (const watch of [...fake.watches]) watch.cut()
  await fake.unwatched()
  fake.store.put('app', 'db', { key: 'CANARY-2' })
  await rig.advanceUntilAsked('watch db', 2)
  t.same(await rig.next(), ['db/key'])
})

t.test('a watch that the API server is not there for comes back with it', async (t) => {
  const rig = await watched(t)
  await rig.fake.stop()
  for (let at = 0; at < 100; at++) await rig.clock.advance(1000)
  await rig.fake.start()
  rotate(rig, '2')
  await rig.advanceUntilAsked('watch db', 2)
  t.same(await rig.next(), ['db/key'])
})

t.test('a status that cannot be read is a failure like others', async (t) => {
  const rig = await watched(t)
  rig.fake.misbehaviour = ({ verb }) =>
    verb === 'watch'
      ? (_request, response) => {
          response.writeHead(503, { 'content-length': '100' })
          response.write('CANARY', () => response.socket?.resetAndDestroy())
        }
      : undefined
  for (const watch of [...rig.fake.watches]) watch.cut()
  await rig.advanceUntilAsked('watch db', 3)
  rig.fake.misbehaviour = ({ verb }) =>
    verb === 'watch' ? (_request, response) => sendStatus(response, 401, 'Unauthorized') : undefined
  await rig.advanceUntilAsked('watch db', 5)
  t.match(rig.warnings[0], /credential is not accepted/)
})

t.test('a server that was set back and knows nothing of the place is listed anew', async (t) => {
  const rig = await watched(t)
  const lists = rig.fake.count('list db')
  rig.fake.misbehaviour = ({ verb }) => (verb === 'watch' ? answer(504, 'CANARY') : undefined)
  for (const watch of [...rig.fake.watches]) watch.cut()
  await rig.fake.unwatched()
  rotate(rig, '2')
  await rig.advanceUntilAsked('list db', lists + 1)
  t.same(await rig.next(), ['db/key'])
  await rig.fetch('db/key')
})
