import type { ServerResponse } from 'node:http'
import t from 'tap'
import { send } from '../../support/fake-kubernetes.ts'
import { objectOf } from '../../support/fake-kubernetes-objects.ts'
import { startWatching } from './watching.ts'

const minute = 60_000

t.test('a change is reported by the keys that name the Secret, and no other', async (t) => {
  const rig = await startWatching(t)
  const { fake } = rig
  fake.store.put('app', 'db', { user: 'CANARY-u', password: 'CANARY-1' })
  fake.store.put('app', 'other', { key: 'CANARY-o' })
  rig.watch()
  await rig.fetch('db', 'db/password', 'other/key')
  await fake.watched(2)
  fake.store.put('app', 'unwatched', { key: 'CANARY-w' })
  fake.store.put('app', 'db', { user: 'CANARY-u', password: 'CANARY-2' })
  t.same((await rig.next(2)).sort(), ['db', 'db/password'])
  fake.store.put('app', 'other', { key: 'CANARY-o2' })
  t.same(await rig.next(), ['other/key'])
  t.same(rig.warnings, [])
})

t.test('each Secret is watched by its name and without its data', async (t) => {
  const grants = [{ namespace: 'app', verbs: ['get', 'list', 'watch'], resourceNames: ['db'] }]
  const rig = await startWatching(t, {}, { grants: { 'CANARY-token': grants } })
  rig.fake.store.put('app', 'db', { key: 'CANARY-1' })
  rig.watch()
  await rig.fetch('db/key')
  await rig.fake.watched()
  const [, list, watch] = rig.fake.seen
  t.match(list, {
    verb: 'list',
    query: { fieldSelector: 'metadata.name=db' },
    accept: /as=PartialObjectMetadataList/,
  })
  t.match(watch, {
    verb: 'watch',
    query: { fieldSelector: 'metadata.name=db' },
    accept: /as=PartialObjectMetadata;/,
  })
  const seconds = Number(watch?.query.timeoutSeconds)
  t.ok(seconds >= 240 && seconds <= 360, 'the server ends it after some minutes')
  t.same(rig.changes, [], 'what was fetched is what is there')
})

t.test('what changed between the fetch and the watch is reported', async (t) => {
  const rig = await startWatching(t)
  const { fake } = rig
  fake.store.put('app', 'db', { key: 'CANARY-1' })
  fake.store.put('app', 'gone', { key: 'CANARY-g' })
  fake.store.put('app', 'same', { key: 'CANARY-s' })
  await rig.fetch('db/key', 'gone/key', 'same/key', 'new/key')
  fake.store.put('app', 'db', { key: 'CANARY-2' })
  fake.store.remove('app', 'gone')
  fake.store.put('app', 'new', { key: 'CANARY-n' })
  rig.watch()
  await fake.watched(4)
  t.same((await rig.next(3)).sort(), ['db/key', 'gone/key', 'new/key'])
})

t.test('a Secret is watched on through its deletion, and from before it is there', async (t) => {
  const rig = await startWatching(t)
  const { fake } = rig
  fake.store.put('app', 'db', { key: 'CANARY-1' })
  rig.watch()
  await rig.fetch('db/key', 'late/key')
  await fake.watched(2)
  fake.store.put('app', 'late', { key: 'CANARY-l' })
  t.same(await rig.next(), ['late/key'])
  fake.store.remove('app', 'db')
  t.same(await rig.next(), ['db/key'])
  await rig.fetch('db/key')
  fake.store.put('app', 'db', { key: 'CANARY-2' })
  t.same(await rig.next(), ['db/key'])
})

t.test('a state that a key was fetched in already is not reported for it', async (t) => {
  const rig = await startWatching(t)
  const { fake } = rig
  fake.store.put('app', 'db', { a: 'CANARY-a', b: 'CANARY-b' })
  rig.watch()
  await rig.fetch('db/a', 'db/b')
  await fake.watched()
  const [watch] = fake.watches
  if (watch !== undefined) watch.isDead = true
  fake.store.put('app', 'db', { a: 'CANARY-a2', b: 'CANARY-b' })
  await rig.fetch('db/a')
  watch?.line({
    type: 'MODIFIED',
    object: {
      metadata: {
        name: 'db',
        uid: fake.store.get('app', 'db')?.uid,
        resourceVersion: String(fake.store.revision),
      },
    },
  })
  t.same(await rig.next(), ['db/b'])
})

t.test(
  'a key whose fetch was under way when another one had the Secret watched is not left behind',
  async (t) => {
    const rig = await startWatching(t)
    const { fake } = rig
    fake.store.put('app', 'db', { a: 'CANARY-a', b: 'CANARY-b' })
    rig.watch()
    const held = Promise.withResolvers<ServerResponse>()
    const before = objectOf(fake.store.get('app', 'db') ?? never(), false)
    fake.misbehaviour = () => (_request, response) => held.resolve(response)
    const late = rig.fetch('db/a')
    const response = await held.promise
    fake.misbehaviour = undefined
    fake.store.put('app', 'db', { a: 'CANARY-a2', b: 'CANARY-b' })
    await rig.fetch('db/b')
    await fake.watched()
    send(response, 200, before)
    await late
    t.same(await rig.next(), ['db/a'])
    await rig.fetch('db/a')
    t.same(rig.changes, [])
  },
)

t.test('a Secret that nobody fetches any more is watched no more', async (t) => {
  const rig = await startWatching(t)
  const { fake, clock } = rig
  fake.store.put('app', 'wanted', { key: 'CANARY-1' })
  fake.store.put('app', 'left', { key: 'CANARY-1' })
  rig.watch()
  await rig.fetch('wanted/key', 'left/key', 'absent/key')
  await fake.watched(3)
  // The watches themselves are renewed meanwhile; nothing answers on this clock, so they are left to it.
  for (let at = 0; at < 10; at++) await clock.advance(minute)
  await fake.wasAsked('watch left', 2)
  for (let at = 10; at < 60; at++) {
    await clock.advance(minute)
    if (at % 5 === 0) await rig.fetch('wanted/key')
  }
  t.same(rig.changes.splice(0), ['left/key'], 'it is reported, to see whether it is wanted still')
  for (let at = 0; at < 16; at++) {
    await clock.advance(minute)
    if (at % 5 === 0) await rig.fetch('wanted/key')
  }
  await fake.watched(1, 'wanted')
  fake.store.put('app', 'left', { key: 'CANARY-2' })
  fake.store.put('app', 'absent', { key: 'CANARY-2' })
  fake.store.put('app', 'wanted', { key: 'CANARY-2' })
  await rig.until(() => rig.changes.includes('wanted/key'))
  t.same(rig.changes, ['wanted/key'])
  await rig.fetch('left/key')
  await fake.watched(1, 'left')
  fake.store.put('app', 'left', { key: 'CANARY-3' })
  await rig.until(() => rig.changes.includes('left/key'))
})

t.test(
  'no more Secrets are watched than may be, and names that nobody has take half of the room',
  async (t) => {
    const rig = await startWatching(t, { maxWatches: 4 })
    const { fake } = rig
    rig.watch()
    await rig.fetch('none1/key', 'none2/key', 'none3/key', 'none4/key')
    await fake.watched(2)
    t.same(rig.warnings, [])
    for (const name of ['a', 'b', 'c', 'd']) fake.store.put('app', name, { key: 'CANARY-1' })
    await rig.fetch('a/key', 'b/key', 'c/key')
    await rig.fetch('d/key')
    await fake.watched(4)
    t.equal(fake.watches.size, 4)
    t.equal(rig.warnings.length, 1)
    t.match(rig.warnings[0], /more than 4 Secrets are read by name \(maxWatches\)/)
  },
)

t.test('without watch there is none', async (t) => {
  const rig = await startWatching(t, { watch: false })
  t.equal(rig.provider.watch, undefined)
  rig.fake.store.put('app', 'db', { key: 'CANARY-1' })
  await rig.fetch('db/key')
  t.same(rig.fake.asked, ['get db'])
})

t.test('a watch that is given up ends at once and leaves nothing behind', async (t) => {
  const rig = await startWatching(t)
  rig.fake.store.put('app', 'db', { key: 'CANARY-1' })
  rig.watch()
  await rig.fetch('db/key')
  await rig.fake.watched()
  rig.stopped.abort()
  await rig.ended
  await rig.fake.unwatched()
  t.equal(rig.clock.pending, 0)
})

t.test('closing the provider ends its watches', async (t) => {
  const rig = await startWatching(t)
  rig.fake.store.put('app', 'db', { key: 'CANARY-1' })
  rig.watch()
  await rig.fetch('db/key')
  await rig.fake.watched()
  await rig.provider.close?.()
  await rig.fake.unwatched()
  rig.stopped.abort()
  await rig.ended
})

t.test('a watch that was given up before it began is none', async (t) => {
  const rig = await startWatching(t)
  rig.stopped.abort()
  rig.watch()
  await rig.ended
  rig.fake.store.put('app', 'db', { key: 'CANARY-1' })
  await rig.fetch('db/key')
  t.same(rig.fake.asked, ['get db'])
  t.equal(rig.clock.pending, 0)
})

function never(): never {
  throw new Error('there is one')
}
