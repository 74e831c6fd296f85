import t from 'tap'
import { encodePath, parseKey } from '../../../src/providers/vault/path.ts'
import { startFakeVault } from '../../support/fake-vault.ts'
import { envelope, type FakeAnswer, type FakeRequest } from '../../support/fake-vault-answer.ts'
import fc from '../../support/property.ts'
import { leaksNothing } from '../conformance.ts'
import { one, value, withToken } from './support.ts'

t.test('a key that would lead elsewhere is missing, and never sent', async (t) => {
  const vault = await startFakeVault(t)
  const provider = withToken(t, vault)
  for (const key of [
    '',
    'kv',
    '/kv/app',
    'kv/app/',
    'kv//app',
    'kv/./app',
    'kv/../sys/raw',
    'kv/a..b',
    'kv/..%2fapp',
    'kv/app#x',
    'kv/app\\..',
    'kv/app\n',
    'kv/app\u0000',
    'kv/\ud800',
    'kv/app?version=0',
    'kv/app?version=-1',
    'kv/app?version=1&list=true',
    'kv/app?list=true',
    'kv/app?version=99999999999',
    'kv/app?version=',
    'auth/token/lookup-self',
    'sys/mounts',
    `kv/${'x'.repeat(1100)}`,
  ]) {
    t.match(
      await one(provider, key),
      { kind: 'missing', reason: 'not-found' },
      JSON.stringify(key.slice(0, 40)),
    )
  }
  t.strictSame(vault.asked, [])
})

t.test('the token itself is not read as a secret, by way of a namespace in the path', async (t) => {
  const vault = await startFakeVault(t)
  const provider = withToken(t, vault)
  for (const data of [
    { path: 'ns1/auth/token/', type: 'ns_token', options: null },
    { path: 'token/', type: 'token', options: null },
    { path: 'ns1/sys/', type: 'ns_system', options: null },
  ]) {
    vault.intercept = ({ path }) => (path.includes('mounts/') ? envelope({ data }) : undefined)
    t.match(await one(provider, 'ns1/auth/token/lookup-self'), {
      kind: 'missing',
      message: /no secrets engine/,
    })
  }
  t.equal(vault.count(/^GET ns1\//), 0)
})

t.test('characters of a name come through as they are', async (t) => {
  const vault = await startFakeVault(t)
  const kv = vault.mountKv('kv/', 2)
  const provider = withToken(t, vault)
  for (const path of [
    'a b',
    'пароль',
    '🔑',
    'a+b',
    'a&b=c',
    'a;b',
    "it's",
    '(x)',
    'a:b@c',
    '"q"',
    '.hidden',
  ]) {
    kv.put(path, { v: `CANARY-${path}` })
    t.ok(await value(provider, `kv/${path}`), path)
  }
})

t.test('whatever the key, what is sent is one path below /v1/ that decodes to the key', (t) => {
  const anything = fc.oneof(
    fc.string({ unit: 'binary', maxLength: 40 }),
    fc
      .array(fc.constantFrom('/', '.', '..', '%2e', '?', '?version=2', 'kv', 'a', '#', '\\', '\n', 'é'), {
        maxLength: 8,
      })
      .map((parts) => parts.join('')),
  )
  fc.assert(
    fc.property(anything, (key) => {
      const parsed = parseKey(key)
      if ('refused' in parsed) return
      const url = new URL(`https://vault.test/v1/${encodePath(parsed.path)}`)
      t.equal(decodeURIComponent(url.pathname), `/v1/${parsed.path}`)
      t.equal(url.search + url.hash, '')
      t.equal(parsed.path + (parsed.version === undefined ? '' : `?version=${parsed.version}`), key)
    }),
    { numRuns: 1000 },
  )
  t.end()
})

t.test('no key leads to the token through a namespace in its path', async (t) => {
  const vault = await startFakeVault(t)
  const answer = ({ tokenText }: FakeRequest): FakeAnswer => envelope({ data: { deep: [{ id: tokenText }] } })
  vault.engines.set('team-a/', answer)
  const provider = withToken(t, vault, { kvVersion: 1 })
  for (const key of ['team-a/auth/token/lookup-self', 'team-a/b/auth/token', 'team-a/mirror']) {
    const error = await one(provider, key)
    t.match(error, { kind: 'missing', message: /is read only where requests names it/ }, key)
    leaksNothing(t, error)
  }
  t.equal(vault.count(/auth\/token\/?$|team-a\/auth/), 0, 'nor is it asked for')
  vault.mountKv('kv/', 1).put('auth/tokens', { v: 'CANARY-1' })
  t.ok(await value(provider, 'kv/auth/tokens'))
})
