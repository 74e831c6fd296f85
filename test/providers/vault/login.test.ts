import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import t from 'tap'
import { StringSource } from '../../../src/config/source.ts'
import { createAuthority } from '../../support/certificates.ts'
import { startFakeVault } from '../../support/fake-vault.ts'
import type { FakeRole } from '../../support/fake-vault-auth.ts'
import { VirtualClock } from '../../support/virtual-clock.ts'
import { leaksNothing, signal } from '../conformance.ts'
import { appRole, everything, failure, failureAt, one, source, value, vaultProvider } from './support.ts'

const often = Number.POSITIVE_INFINITY
const approle: FakeRole = {
  method: 'approle',
  name: 'role-1',
  takes: new Map([['CANARY-secret-id', often]]),
  policy: everything,
}

t.test('an AppRole logs in once, whatever is asked for and however often', async (t) => {
  const vault = await startFakeVault(t)
  const kv = vault.mountKv('kv/', 2)
  for (let n = 0; n < 50; n++) kv.put(`app-${n}`, { v: 'CANARY-1' })
  vault.auth.roles.set('approle', approle)
  const provider = vaultProvider(t, vault.url, { auth: appRole })
  const fetches = Array.from({ length: 50 }, (_, n) => value(provider, `kv/app-${n}`))
  await Promise.all(fetches)
  t.equal(vault.count(/login/), 1)
})

t.test('a namespace is named at each request, at the login too', async (t) => {
  const vault = await startFakeVault(t, { namespace: 'team-a/app/' })
  vault.mountKv('kv/', 2).put('app', { v: 'CANARY-1' })
  vault.auth.roles.set('approle', { ...approle, policy: { 'kv/*': ['list'] } })
  const provider = vaultProvider(t, vault.url, { auth: appRole, namespace: 'team-a/app' })
  const error = await failureAt(provider, 'kv/app')
  t.ok(error.message.includes('in the namespace "team-a/app"'), error.message)
})

t.test('Kubernetes and JWT logins read their token again at each login', async (t) => {
  const dir = t.testdir({ jwt: 'CANARY-jwt-1\n' })
  const file = join(dir, 'jwt')
  for (const method of ['kubernetes', 'jwt'] as const) {
    const clock = new VirtualClock()
    const vault = await startFakeVault(t, { clock })
    vault.mountKv('kv/', 2).put('app', { v: 'CANARY-1' })
    const takes = new Map([
      ['CANARY-jwt-1', 1],
      ['CANARY-jwt-2', 1],
    ])
    vault.auth.roles.set(`${method}-here`, {
      method,
      name: 'app',
      takes,
      policy: everything,
      ttl: 60,
      maxTtl: 60,
    })
    const jwt = new StringSource({ file })
    const auth = { [method]: { role: 'app', jwt, mount: `${method}-here` } }
    const provider = vaultProvider(t, vault.url, { auth }, { clock })
    await writeFile(file, 'CANARY-jwt-1\n')
    await value(provider, 'kv/app')
    await writeFile(file, 'CANARY-jwt-2\n')
    await clock.advance(61_000)
    await value(provider, 'kv/app')
    t.equal(vault.count(/login/), 2, method)
  }
})

t.test('a certificate logs in over mutual TLS', async (t) => {
  const authority = createAuthority()
  const mutual = { ...authority.issue(), requestCert: true, rejectUnauthorized: false, ca: authority.ca }
  const vault = await startFakeVault(t, { tls: mutual })
  vault.mountKv('kv/', 2).put('app', { v: 'CANARY-1' })
  vault.auth.roles.set('cert', { method: 'cert', name: 'app', policy: everything })
  const client = authority.issue({ names: ['app'] })
  const pem = (text: string): StringSource => new StringSource(text, 'text')
  const tls = { ca: pem(authority.ca), certificate: pem(client.cert), key: pem(client.key) }
  for (const role of ['app', undefined]) {
    const auth = { certificate: { role, mount: 'cert' } }
    t.ok(await value(vaultProvider(t, vault.url, { auth, ...tls }), 'kv/app'))
  }
  const auth = { certificate: { role: 'app', mount: 'cert' } }
  const without = vaultProvider(t, vault.url, { auth, ca: pem(authority.ca) })
  t.match(await failureAt(without, 'kv/app'), { kind: 'denied', message: /the role "app" trusts/ })
})

t.test('a login that is refused says what may be wrong, and quotes nothing', async (t) => {
  const vault = await startFakeVault(t)
  const says: readonly (readonly [string, RegExp])[] = [
    ['error validating claims: audience claim does not match', /for another audience than the role "app"/],
    ['error validating token: token is expired', /has expired/],
    ['something else', /check that the role "app" is bound to/],
  ]
  for (const [words, message] of says) {
    vault.auth.roles.set('jwt', { method: 'jwt', name: 'app', says: words })
    const auth = { jwt: { role: 'app', jwt: source('CANARY-jwt'), mount: 'jwt' } }
    const error = await failureAt(vaultProvider(t, vault.url, { auth }), 'kv/app')
    t.match(error, { kind: 'denied', reason: 'denied', message })
    leaksNothing(t, error)
  }
  vault.auth.roles.set('approle', { ...approle, takes: new Map() })
  const error = await failureAt(vaultProvider(t, vault.url, { auth: appRole }), 'kv/app')
  t.match(error, {
    kind: 'denied',
    message: /POST .*\/v1\/auth\/approle\/login: the login was refused \(400\)/,
  })
  leaksNothing(t, error)
  const nowhere = { jwt: { role: 'other', jwt: source('CANARY-jwt'), mount: 'jwt' } }
  t.match(await failureAt(vaultProvider(t, vault.url, { auth: nowhere }), 'kv/app'), {
    kind: 'denied',
    message: /there is no role "other" at auth\/jwt/,
  })
})

t.test('a login that fails is never a secret that is missing', async (t) => {
  const vault = await startFakeVault(t)
  vault.intercept = () => ({ status: 404, body: { errors: [] } })
  t.match(await failureAt(vaultProvider(t, vault.url, { auth: appRole }), 'kv/app'), {
    kind: 'unavailable',
    message: /no auth method is mounted at auth\/approle/,
  })
  vault.intercept = () => ({ status: 200, body: { auth: { client_token: 7 } } })
  t.match(await failureAt(vaultProvider(t, vault.url, { auth: appRole }), 'kv/app'), { reason: 'malformed' })
})

t.test('a login that failed is not tried again for each who wants it', async (t) => {
  const clock = new VirtualClock()
  const vault = await startFakeVault(t, { clock })
  vault.mountKv('kv/', 2).put('app', { v: 'CANARY-1' })
  vault.auth.roles.set('approle', { ...approle, takes: new Map() })
  const provider = vaultProvider(t, vault.url, { auth: appRole }, { clock })
  for (let n = 0; n < 20; n++) t.match(await one(provider, `kv/app-${n}`), { kind: 'denied' })
  t.equal(vault.count(/login/), 1)
  await clock.advance(1_000)
  await one(provider, 'kv/app')
  await one(provider, 'kv/app')
  t.equal(vault.count(/login/), 2)
  vault.auth.roles.set('approle', approle)
  await clock.advance(2_000)
  t.ok(await value(provider, 'kv/app'), 'it is tried again')
})

t.test('Retry-After of a login is kept, by all who want to log in', async (t) => {
  const clock = new VirtualClock()
  const vault = await startFakeVault(t, { clock })
  vault.mountKv('kv/', 2).put('app', { v: 'CANARY-1' })
  vault.auth.roles.set('approle', approle)
  const provider = vaultProvider(t, vault.url, { auth: appRole }, { clock })
  vault.intercept = () => ({ status: 429, body: { errors: [] }, headers: { 'retry-after': '30' } })
  t.match(await failureAt(provider, 'kv/app'), { kind: 'throttled', retryAfterMs: 30_000 })
  vault.intercept = () => undefined
  await clock.advance(29_000)
  t.match(await failureAt(provider, 'kv/app'), { kind: 'throttled' })
  await clock.advance(1_000)
  t.ok(await value(provider, 'kv/app'))
})

t.test(
  'a credential that is not there costs the server nothing, and is taken as soon as it is',
  async (t) => {
    const vault = await startFakeVault(t)
    vault.mountKv('kv/', 2).put('app', { v: 'CANARY-1' })
    vault.auth.roles.set('approle', approle)
    const file = join(t.testdir({}), 'secret-id')
    const secretId = new StringSource({ file })
    const auth = { appRole: { roleId: source('role-1'), secretId, wrapped: false, mount: 'approle' } }
    const provider = vaultProvider(t, vault.url, { auth })
    t.match(await failureAt(provider, 'kv/app'), { kind: 'unavailable', reason: 'credential' })
    t.strictSame(vault.asked, [])
    await writeFile(file, 'CANARY-secret-id')
    t.ok(await value(provider, 'kv/app'))
  },
)

t.test('who gives up does not take the login of the others along', async (t) => {
  const vault = await startFakeVault(t)
  vault.mountKv('kv/', 2).put('app', { v: 'CANARY-1' })
  vault.auth.roles.set('approle', approle)
  const provider = vaultProvider(t, vault.url, { auth: appRole })
  const first = new AbortController()
  const [given, other] = [one(provider, 'kv/app', undefined, first.signal), value(provider, 'kv/app')]
  first.abort()
  t.match(await failure(given), { reason: 'aborted' })
  t.ok(await other)
  t.equal(vault.count(/login/), 1)
})

t.test('closing ends a login that hangs', async (t) => {
  const vault = await startFakeVault(t)
  const asked = Promise.withResolvers<void>()
  vault.intercept = () => {
    asked.resolve()
    return 'hang'
  }
  const provider = vaultProvider(t, vault.url, { auth: appRole })
  const fetching = failure(provider.fetch(['kv/app'], signal()))
  await asked.promise
  await provider.close?.()
  t.match(await fetching, { reason: 'aborted' })
})
