import t from 'tap'
import { answer, startBackend } from '../../support/backend.ts'
import { startFakeVault } from '../../support/fake-vault.ts'
import { failed } from '../../support/fake-vault-answer.ts'
import { VirtualClock } from '../../support/virtual-clock.ts'
import { leaksNothing } from '../conformance.ts'
import {
  everything,
  failure,
  failureAt,
  one,
  source,
  until,
  value,
  vaultProvider,
  withToken,
} from './support.ts'

t.test('each status has its meaning, and what Vault says is shown nowhere', async (t) => {
  const vault = await startFakeVault(t)
  const provider = withToken(t, vault, { kvVersion: 2 })
  for (const [status, said, kind, message] of [
    [400, 'CANARY', 'unavailable', /does not take the request.*\(400\)/],
    [400, 'Upgrading from non-versioned to versioned data', 'unavailable', /is being upgraded/],
    [404, 'no handler for route', 'unavailable', /nothing is mounted there/],
    [405, 'unsupported operation', 'unavailable', /Name it among requests/],
    [413, 'request body too large', 'unavailable', /too large/],
    [418, 'CANARY', 'unavailable', /Is Vault what listens there\?/],
    [429, 'rate limit quota exceeded', 'throttled', /asks for fewer requests/],
    [500, 'CANARY', 'unavailable', /the server failed/],
    [501, 'not initialized', 'unavailable', /not initialised/],
    [502, 'CANARY', 'unavailable', /does not answer/],
    [503, 'Vault is sealed', 'unavailable', /is sealed\. Unseal it/],
    [503, 'CANARY', 'unavailable', /sealed, overloaded, or has no leader/],
    [507, 'CANARY', 'unavailable', /the server failed/],
  ] as const) {
    vault.intercept = ({ path }) => (path.startsWith('kv/') ? failed(status, said) : undefined)
    const error = await failureAt(provider, 'kv/app')
    t.match(error, { kind, message }, `${status} ${said}`)
    t.match(error.message, 'provider "backend": GET ')
    leaksNothing(t, error)
  }
})

t.test('Retry-After is kept, of a failing server too', async (t) => {
  const vault = await startFakeVault(t)
  const provider = withToken(t, vault, { kvVersion: 2 })
  for (const status of [429, 503]) {
    vault.intercept = ({ path }) =>
      path.startsWith('kv/') ? { ...failed(status), headers: { 'retry-after': '9' } } : undefined
    t.match(await failureAt(provider, 'kv/app'), { retryAfterMs: 9000 })
  }
})

t.test('a refusal by something that is not Vault is told as such', async (t) => {
  const vault = await startFakeVault(t)
  const provider = withToken(t, vault, { kvVersion: 2 })
  vault.intercept = ({ path }) => (path.startsWith('kv/') ? { status: 403, body: '<html>CANARY' } : undefined)
  const error = await failureAt(provider, 'kv/app')
  t.match(error, { kind: 'denied', message: /something between that is not Vault/ })
  leaksNothing(t, error)
})

t.test('a replica that lags is asked again shortly, a few times', async (t) => {
  const clock = new VirtualClock()
  const vault = await startFakeVault(t, { clock })
  vault.mountKv('kv/', 2).put('app', { v: 'CANARY-1' })
  const provider = withToken(t, vault, { kvVersion: 2 }, { clock })
  let lagging = 2
  vault.intercept = ({ path }) => (path.startsWith('kv/') && lagging-- > 0 ? failed(412) : undefined)
  const fetching = value(provider, 'kv/app')
  for (const [asked, ms] of [
    [1, 100],
    [2, 200],
  ] as const) {
    await until(() => vault.count(/kv\/data/) === asked && clock.next === ms)
    await clock.advance(ms)
  }
  t.ok(await fetching)

  lagging = Number.POSITIVE_INFINITY
  const failing = failureAt(provider, 'kv/app')
  for (const ms of [100, 200, 400]) {
    await until(() => clock.next === ms)
    await clock.advance(ms)
  }
  t.match(await failing, { kind: 'unavailable', message: /not caught up/ })
  t.equal(vault.count(/kv\/data/), 3 + 4)
})

t.test('the wait for a replica ends when it is given up, or the provider closes', async (t) => {
  const clock = new VirtualClock()
  const vault = await startFakeVault(t, { clock })
  const provider = withToken(t, vault, { kvVersion: 2 }, { clock })
  vault.intercept = ({ path }) => (path.startsWith('kv/') ? failed(412) : undefined)
  const given = new AbortController()
  const first = failure(one(provider, 'kv/app', undefined, given.signal))
  await until(() => clock.next === 100)
  given.abort()
  t.match(await first, { reason: 'aborted' })
  const second = failure(one(provider, 'kv/app'))
  await until(() => clock.next === 100)
  await provider.close?.()
  t.match(await second, { reason: 'aborted' })
  t.equal(clock.pending, 0)
})

t.test('a standby sends on to the leader, with method, body and token', async (t) => {
  const leader = await startFakeVault(t)
  leader.mountKv('kv/', 2).put('app', { v: 'CANARY-1' })
  const takes = new Map([['CANARY-secret-id', 1]])
  leader.auth.roles.set('approle', { method: 'approle', name: 'role-1', takes, policy: everything })
  const standby = await startFakeVault(t)
  standby.backend.handler = (request, response) =>
    answer(307, '', { location: `${leader.url}/v1/elsewhere?CANARY` })(request, response)
  const auth = {
    appRole: {
      roleId: source('role-1'),
      secretId: source('CANARY-secret-id'),
      wrapped: false,
      mount: 'approle',
    },
  }
  const redirectHosts = [`127.0.0.1:${leader.backend.port}`]
  t.match((await value(vaultProvider(t, standby.url, { auth, redirectHosts }), 'kv/app')).version, /^1-/)
  t.strictSame(leader.asked[0], 'POST auth/approle/login')
})

t.test('the token goes to no host that is not named', async (t) => {
  const stranger = await startBackend(t)
  const standby = await startFakeVault(t)
  for (const [location, message] of [
    [`${stranger.origin}/v1/kv/data/app`, /redirectHosts does not name/],
    ['/v1/kv/data/app', /leads elsewhere \(307\)/],
    ['', /leads elsewhere/],
    ['CANARY', /leads elsewhere/],
  ] as const) {
    standby.intercept = ({ path }) =>
      path.startsWith('kv/') ? { status: 307, headers: { location } } : undefined
    const error = await failureAt(withToken(t, standby, { kvVersion: 2 }), 'kv/app')
    t.match(error, { kind: 'unavailable', reason: 'redirect', message })
    leaksNothing(t, error)
  }
  standby.intercept = ({ path }) =>
    path.startsWith('kv/')
      ? { status: 307, headers: { location: `${standby.url}/v1/kv/data/app` } }
      : undefined
  const around = await failureAt(withToken(t, standby, { kvVersion: 2 }), 'kv/app')
  t.match(around, { reason: 'redirect', message: /one standby sends on to the next/ })
  for (const status of [301, 302, 308]) {
    standby.intercept = ({ path }) =>
      path.startsWith('kv/') ? { status, headers: { location: standby.url } } : undefined
    t.match(await failureAt(withToken(t, standby, { kvVersion: 2 }), 'kv/app'), { reason: 'redirect' })
  }
  t.strictSame(stranger.requests, [])
})
