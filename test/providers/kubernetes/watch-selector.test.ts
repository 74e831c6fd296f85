import t, { type Test } from 'tap'
import { signal } from '../conformance.ts'
import { startWatching, type Watching } from './watching.ts'

async function started(t: Test): Promise<Watching> {
  const rig = await startWatching(t, { selector: 'app=shop' })
  rig.fake.store.put('app', 'db', { key: 'CANARY-1' }, { app: 'shop' })
  rig.watch()
  await rig.provider.fetchAll?.(signal())
  await rig.fake.watched()
  return rig
}

const list = async ({ provider }: Watching): Promise<void> => void (await provider.fetchAll?.(signal()))

t.test('one watch for all that match begins where the list ended', async (t) => {
  const rig = await startWatching(t, { selector: 'app=shop' })
  const { fake } = rig
  fake.store.put('app', 'db', { key: 'CANARY-1' }, { app: 'shop' })
  await list(rig)
  fake.store.put('app', 'db', { key: 'CANARY-2' })
  rig.watch()
  await fake.watched()
  t.same(await rig.next(), ['*'], 'what changed between the two is not missed')
  t.same(fake.asked, ['list', 'watch'])
  t.equal(fake.seen[1]?.query.labelSelector, 'app=shop')
  t.match(fake.seen[1]?.accept, /as=PartialObjectMetadata;/, 'it brings no data')
})

t.test('what comes, changes, goes, or loses its label is reported', async (t) => {
  const rig = await started(t)
  const { store } = rig.fake
  for (const change of [
    () => store.put('app', 'new', { key: 'CANARY-n' }, { app: 'shop' }),
    () => store.put('app', 'new', { key: 'CANARY-n2' }),
    () => store.remove('app', 'new'),
    () => store.label('app', 'db', { app: 'other' }),
    () => store.label('app', 'db', { app: 'shop' }),
  ]) {
    change()
    t.same(await rig.next(), ['*'])
  }
  store.put('app', 'stranger', { key: 'CANARY-s' }, { app: 'other' })
  store.put('app', 'db', { key: 'CANARY-2' })
  t.same(await rig.next(), ['*'], 'and nothing of what does not match')
})

t.test('a watch that waits for the first list calls for none', async (t) => {
  const rig = await startWatching(t, { selector: 'app=shop' })
  rig.watch()
  await list(rig)
  await rig.fake.watched()
  t.same(rig.changes, [])
  t.same(rig.fake.asked, ['list', 'watch'])
})

t.test('where the history is gone a list is called for, and the watch goes on from it', async (t) => {
  const rig = await started(t)
  for (const watch of [...rig.fake.watches]) watch.cut()
  await rig.fake.unwatched()
  rig.fake.store.put('app', 'db', { key: 'CANARY-2' })
  rig.fake.store.compact()
  await rig.advanceUntilAsked('watch', 2)
  t.same(await rig.next(), ['*'])
  t.equal(rig.fake.count('list'), 1)
  await list(rig)
  await rig.fake.wasAsked('watch', 3)
  await rig.fake.watched()
  rig.fake.store.put('app', 'db', { key: 'CANARY-3' })
  t.same(await rig.next(), ['*'])
})

t.test('a watch that waits for a list is given up at once', async (t) => {
  const rig = await startWatching(t, { selector: 'app=shop' })
  rig.watch()
  rig.stopped.abort()
  await rig.ended
  t.equal(rig.clock.pending, 0)
})

t.test('a denied watch is told, and lists go on', async (t) => {
  const rig = await startWatching(
    t,
    { selector: 'app=shop' },
    { grants: { 'CANARY-token': [{ namespace: 'app', verbs: ['list'] }] } },
  )
  rig.watch()
  await list(rig)
  await rig.warned()
  t.match(rig.warnings, [/may not watch Secrets in the namespace "app".*verbs: \["watch"\] \}/])
  await list(rig)
})
