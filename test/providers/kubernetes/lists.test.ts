import t, { type Test } from 'tap'
import { answer } from '../../support/backend.ts'
import { type FakeKubernetes, startKubernetes } from '../../support/fake-kubernetes.ts'
import { failureOf, leaksNothing, signal, text } from '../conformance.ts'
import { kubernetesProvider, type More } from './support.ts'

async function filled(t: Test, count: number): Promise<FakeKubernetes> {
  const fake = await startKubernetes(t)
  for (let at = 0; at < count; at++) {
    fake.store.put('app', `s${String(at).padStart(4, '0')}`, { key: `CANARY-${at}` }, { app: 'shop' })
  }
  return fake
}

function all(t: Test, fake: FakeKubernetes, more: More = {}) {
  const provider = kubernetesProvider(t, { url: fake.url, selector: 'app=shop', watch: false, ...more })
  return provider.fetchAll?.(signal()) ?? Promise.reject(new Error('it lists'))
}

t.test('a list comes page by page, each Secret whole and by its entries', async (t) => {
  const fake = await filled(t, 1203)
  fake.store.put('app', 'other', { key: 'CANARY-other' }, { app: 'other' })
  fake.store.put('elsewhere', 'shop', { key: 'CANARY-elsewhere' }, { app: 'shop' })
  const result = await all(t, fake)
  t.equal(fake.count('list'), 3)
  t.equal(result.size, 2 * 1203)
  t.equal(text(result.get('s1202/key')), 'CANARY-1202')
  t.equal(text(result.get('s1202')), '{"key":"CANARY-1202"}')
  leaksNothing(t, new Map([...result].slice(0, 4)))
})

t.test('all pages are of one moment', async (t) => {
  const fake = await filled(t, 20)
  fake.pageSize = 5
  let pages = 0
  fake.betweenPages = () => {
    pages++
    fake.store.put('app', 's0000', { key: `CANARY-changed-${pages}` })
    fake.store.remove('app', `s001${pages}`)
    fake.store.put('app', `a${pages}`, { key: 'CANARY-new' }, { app: 'shop' })
  }
  const result = await all(t, fake)
  t.equal(result.size, 40)
  t.equal(text(result.get('s0000/key')), 'CANARY-0')
})

t.test('a list whose moment is forgotten between two pages begins anew', async (t) => {
  const fake = await filled(t, 20)
  fake.pageSize = 8
  let times = 0
  fake.betweenPages = () => {
    if (++times === 2) fake.store.compact()
  }
  t.equal((await all(t, fake)).size, 40)
  t.equal(fake.count('list'), 6)
  fake.betweenPages = () => fake.store.compact()
  const error = await failureOf(all(t, fake))
  t.match(error, { kind: 'unavailable', reason: 'status', message: /expired at the API server/ })
  t.match(error.message, /provider "backend"/)
})

t.test('a list with more than it may hold is an error', async (t) => {
  const fake = await filled(t, 20)
  fake.pageSize = 8
  t.match(await failureOf(all(t, fake, { maxSecrets: 19 })), {
    kind: 'unavailable',
    reason: 'oversized',
    message: /more than 19 Secrets/,
  })
  t.equal((await all(t, fake, { maxSecrets: 20 })).size, 40)
  t.match(await failureOf(all(t, fake, { maxBody: 9000 })), {
    kind: 'unavailable',
    reason: 'oversized',
    message: /its pages are together larger than 9000 bytes/,
  })
})

t.test('an empty list is one', async (t) => {
  const fake = await startKubernetes(t)
  t.equal((await all(t, fake)).size, 0)
})

t.test('what is no list is not taken for an empty one', async (t) => {
  const fake = await startKubernetes(t)
  for (const body of [
    '{}',
    '[]',
    '{"kind":"Secret","metadata":{"resourceVersion":"1"}}',
    '{"kind":"SecretList","items":[]}',
    '{"kind":"SecretList","metadata":{"resourceVersion":"1"},"items":{"CANARY":1}}',
    '{"kind":"SecretList","metadata":{"resourceVersion":"1"},"items":["CANARY"]}',
    '{"kind":"SecretList","metadata":{"resourceVersion":"1"},"items":[{"metadata":{"name":"CANARY/x"}}]}',
    '{"kind":"SecretList","metadata":{"resourceVersion":"1","continue":7},"items":[]}',
  ]) {
    fake.misbehaviour = () => answer(200, body)
    const error = await failureOf(all(t, fake))
    t.match(error, { kind: 'unavailable', reason: 'malformed' }, body.slice(0, 30))
    leaksNothing(t, error)
  }
})

t.test('pages without an end are not read for ever', async (t) => {
  const fake = await startKubernetes(t)
  fake.misbehaviour = () =>
    answer(200, '{"kind":"SecretList","metadata":{"resourceVersion":"1","continue":"x"},"items":[]}')
  t.match(await failureOf(all(t, fake, { maxSecrets: 100 })), { kind: 'unavailable', reason: 'oversized' })
  t.ok(fake.asked.length < 50, `${fake.asked.length} pages`)
})

t.test('a Secret that is named twice is a broken list', async (t) => {
  const fake = await startKubernetes(t)
  const item = '{"metadata":{"name":"db","resourceVersion":"1"},"data":{}}'
  fake.misbehaviour = () =>
    answer(200, `{"kind":"SecretList","metadata":{"resourceVersion":"1"},"items":[${item},${item}]}`)
  t.match(await failureOf(all(t, fake)), { kind: 'unavailable', reason: 'malformed', message: /twice/ })
})

t.test('keys are listed without values where Secrets as a whole are wanted', async (t) => {
  const fake = await filled(t, 3)
  const provider = kubernetesProvider(t, { url: fake.url, watch: false })
  t.same(await provider.listKeys?.(['s*'], signal()), ['s0000', 's0001', 's0002'])
  t.match(fake.seen[0]?.accept, /as=PartialObjectMetadataList/)
  t.same(await provider.listKeys?.(['s*/key'], signal()), [
    's0000',
    's0000/key',
    's0001',
    's0001/key',
    's0002',
    's0002/key',
  ])
})

t.test('the entries of one Secret are listed with the right to read it alone', async (t) => {
  const grants = { 'CANARY-token': [{ namespace: 'app', verbs: ['get'], resourceNames: ['db', 'gone'] }] }
  const fake = await startKubernetes(t, { grants })
  fake.store.put('app', 'db', { user: 'CANARY-u', password: 'CANARY-p' })
  const provider = kubernetesProvider(t, { url: fake.url, watch: false })
  t.same(await provider.listKeys?.(['db/*', 'gone/*', 'NONE/*'], signal()), ['db/user', 'db/password'])
  t.same(fake.asked, ['get db', 'get gone'])
  const denied: unknown = await provider.listKeys?.(['*'], signal()).catch((error: unknown) => error)
  t.match(denied, { kind: 'denied', message: /may not list Secrets.*verbs: \["list"\] \}/ })
})
