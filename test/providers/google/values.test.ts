import t, { type Test } from 'tap'
import { type Fetched, type Provider, ProviderError } from '../../../src/secrets/provider.ts'
import { type FakeGoogle, type FakeGoogleOptions, startFakeGoogle } from '../../support/fake-google.ts'
import { type Brought, leaksNothing, signal, text } from '../conformance.ts'
import { googleProvider } from './support.ts'

async function started(t: Test, options: FakeGoogleOptions = {}): Promise<[FakeGoogle, Provider]> {
  const google = await startFakeGoogle(t, options)
  const { location } = options
  return [google, googleProvider(t, google, location === undefined ? {} : { location })]
}

async function fetchOne(provider: Provider, key: string): Promise<Brought | undefined> {
  return (await provider.fetch([key], signal())).get(key)
}

function versionOf(brought: Brought | undefined): string | undefined {
  return brought !== undefined && 'value' in brought ? (brought satisfies Fetched).version : undefined
}

t.test('the version is the number of the version, whatever the key calls it', async (t) => {
  const [google, provider] = await started(t)
  google.secrets.add('db', 'CANARY-one')
  google.secrets.add('db', 'CANARY-two')
  google.secrets.add('db', 'CANARY-three')
  google.secrets.alias('db', 'live', 2)
  for (const [key, value, version] of [
    ['db', 'CANARY-three', '3'],
    ['db/versions/latest', 'CANARY-three', '3'],
    ['db/versions/1', 'CANARY-one', '1'],
    ['db/versions/live', 'CANARY-two', '2'],
    ['projects/my-project/secrets/db', 'CANARY-three', '3'],
    ['projects/123456789012/secrets/db/versions/2', 'CANARY-two', '2'],
  ] as const) {
    const brought = await fetchOne(provider, key)
    t.equal(text(brought), value, key)
    t.equal(versionOf(brought), version, key)
  }
  google.secrets.add('db', 'CANARY-four')
  t.equal(versionOf(await fetchOne(provider, 'db')), '4', 'a new version is found by the next fetch')
})

t.test('regional secrets are asked for by project and location', async (t) => {
  const [google, provider] = await started(t, { location: 'europe-west3' })
  google.secrets.add('db', 'CANARY-regional')
  for (const key of ['db', 'projects/my-project/locations/europe-west3/secrets/db/versions/1']) {
    t.equal(text(await fetchOne(provider, key)), 'CANARY-regional', key)
  }
  const parents = google.asked(':access').map((path) => path.split('/secrets/')[0])
  t.same(parents, Array(2).fill('/v1/projects/my-project/locations/europe-west3'))
})

t.test('a key of another location is missing, says which one is read, and is not sent', async (t) => {
  const [regional, here] = await started(t, { location: 'europe-west3' })
  for (const key of ['projects/my-project/locations/us-east1/secrets/db', 'projects/my-project/secrets/db']) {
    t.match(await fetchOne(here, key), { kind: 'missing', message: /is not of the location europe-west3/ })
  }
  const [global, there] = await started(t)
  const key = 'projects/my-project/locations/us-east1/secrets/db'
  t.match(await fetchOne(there, key), { kind: 'missing', message: /is of a regional secret/ })
  t.same(
    [regional, global].flatMap(({ requests }) => requests),
    [],
  )
})

t.test('a key that is none is missing, and is not sent', async (t) => {
  const [google, provider] = await started(t)
  const keys = ['../db', 'db/versions/0', 'db/versions/-1', 'db%2f', 'db?alt=media', '', `${'x'.repeat(256)}`]
  for (const error of (await provider.fetch(keys, signal())).values()) {
    t.match(error, { kind: 'missing', reason: 'not-found' })
  }
  t.same(google.requests, [])
})

t.test('a secret without a version is missing, as is a version that was never there', async (t) => {
  const [google, provider] = await started(t)
  google.secrets.addWithoutVersion('empty')
  google.secrets.add('db', 'CANARY-one')
  for (const key of ['empty', 'db/versions/2', 'db/versions/live', 'gone']) {
    const error = await fetchOne(provider, key)
    t.match(error, { kind: 'missing', reason: 'not-found', message: new RegExp(`the key "${key}"`) })
  }
})

t.test('a disabled version is denied, and says what to do', async (t) => {
  const [google, provider] = await started(t)
  google.secrets.add('db', 'CANARY-one')
  google.secrets.setState('db', 1, 'DISABLED')
  const error = await fetchOne(provider, 'db')
  t.match(error, { kind: 'denied', reason: 'denied', message: /is disabled\. Enable it/ })
  leaksNothing(t, error)
  google.secrets.setState('db', 1, 'ENABLED')
  t.equal(text(await fetchOne(provider, 'db')), 'CANARY-one')
})

t.test('a destroyed version is missing', async (t) => {
  const [google, provider] = await started(t)
  google.secrets.add('db', 'CANARY-one')
  google.secrets.setState('db', 1, 'DESTROYED')
  const error = await fetchOne(provider, 'db')
  t.match(error, { kind: 'missing', reason: 'not-found', message: /is destroyed\. Add a version/ })
  leaksNothing(t, error)
})

t.test('a value that was damaged on the way is refused', async (t) => {
  const [google, provider] = await started(t)
  google.secrets.add('db', 'CANARY-value')
  google.secrets.damage = 1
  const error = await fetchOne(provider, 'db')
  t.match(error, { kind: 'unavailable', reason: 'malformed', message: /checksum/ })
  leaksNothing(t, error)
})

t.test('an answer that is no value is malformed, and not shown', async (t) => {
  const google = await startFakeGoogle(t)
  const provider = googleProvider(t, google)
  const name = 'projects/123456789012/secrets/db/versions/1'
  const data = Buffer.from('CANARY-value').toString('base64')
  for (const body of [
    '',
    'CANARY',
    '[]',
    'null',
    '{}',
    JSON.stringify({ name }),
    JSON.stringify({ name, payload: null }),
    JSON.stringify({ name, payload: {} }),
    JSON.stringify({ name, payload: { data: '' } }),
    JSON.stringify({ name, payload: { data: null } }),
    JSON.stringify({ name, payload: { data: 7 } }),
    JSON.stringify({ name, payload: { data: 'CANARY-no-base64!' } }),
    JSON.stringify({ name, payload: { data: `${data}=` } }),
    JSON.stringify({ name, payload: { data, dataCrc32c: 'CANARY' } }),
    JSON.stringify({ name, payload: { data, dataCrc32c: -1 } }),
    JSON.stringify({ payload: { data } }),
    JSON.stringify({ name: 'CANARY', payload: { data } }),
    JSON.stringify({ name: 'projects/123456789012/secrets/CANARY-other/versions/1', payload: { data } }),
    JSON.stringify({ name: 'projects/123456789012/secrets/db/versions/0', payload: { data } }),
  ]) {
    google.intercept = ({ url }) => (url.pathname.endsWith(':access') ? { status: 200, body } : undefined)
    const error = await fetchOne(provider, 'db')
    t.match(error, { kind: 'unavailable', reason: 'malformed' }, body)
    leaksNothing(t, error)
  }
  const other = { name: 'projects/123456789012/secrets/db/versions/2', payload: { data } }
  google.intercept = ({ url }) =>
    url.pathname.endsWith(':access') ? { status: 200, body: JSON.stringify(other) } : undefined
  t.match(
    await fetchOne(provider, 'db/versions/1'),
    { reason: 'malformed' },
    'another version than was asked for',
  )
  t.equal(versionOf(await fetchOne(provider, 'db')), '2', 'a checksum is checked where there is one')
})

t.test('one key that fails takes no other down', async (t) => {
  const [google, provider] = await started(t)
  google.secrets.add('open', 'CANARY-open')
  google.secrets.add('closed', 'CANARY-closed')
  google.secrets.withheld.add('secretmanager.versions.access closed')
  const result = await provider.fetch(['closed', 'gone', 'open'], signal())
  t.equal(text(result.get('open')), 'CANARY-open')
  t.ok(result.get('closed') instanceof ProviderError)
  leaksNothing(t, result)
})
