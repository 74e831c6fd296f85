import t, { type Test } from 'tap'
import type { VaultProviderConfig } from '../../../src/config/schema.ts'
import type { Lease, Provider } from '../../../src/secrets/provider.ts'
import { type FakeVault, startFakeVault } from '../../support/fake-vault.ts'
import { envelope, failed } from '../../support/fake-vault-answer.ts'
import type { LeaseSpec } from '../../support/fake-vault-leases.ts'
import type { TokenSpec } from '../../support/fake-vault-tokens.ts'
import { VirtualClock } from '../../support/virtual-clock.ts'
import { leaksNothing, signal, text } from '../conformance.ts'
import {
  appRole,
  everything,
  failure,
  failureAt,
  one,
  source,
  until,
  value,
  vaultProvider,
} from './support.ts'

interface Rig {
  readonly vault: FakeVault
  readonly clock: VirtualClock
  readonly warnings: string[]
  make(more?: Partial<VaultProviderConfig>): Provider
}

/** A database engine that makes a user for whoever asks, for as long as `lease` says. */
async function rig(t: Test, lease: LeaseSpec, token: TokenSpec = { ttl: 36_000 }): Promise<Rig> {
  const clock = new VirtualClock()
  const vault = await startFakeVault(t, { clock })
  const takes = new Map([['CANARY-secret-id', Number.POSITIVE_INFINITY]])
  vault.auth.roles.set('approle', { method: 'approle', name: 'role-1', takes, policy: everything, ...token })
  let users = 0
  vault.engines.set('database/', ({ method, path, token: by }) => {
    if (by === undefined || method !== 'GET') return undefined
    if (path !== 'database/creds/app') return failed(400, 'unknown role: CANARY')
    return envelope({
      lease_id: vault.leases.make(path, by, lease),
      lease_duration: lease.ttl,
      renewable: lease.renewable,
      data: { username: `v-app-${++users}`, password: `CANARY-password-${users}` },
    })
  })
  const warnings: string[] = []
  const warn = (message: string): void => void warnings.push(message)
  return {
    vault,
    clock,
    warnings,
    make: (more = {}) => vaultProvider(t, vault.url, { auth: appRole, ...more }, { clock, warn }),
  }
}

async function leaseOf(provider: Provider): Promise<Lease & { id: string }> {
  const { lease } = await value(provider, 'database/creds/app')
  if (lease?.id === undefined) throw new Error('there is no lease')
  return { ...lease, id: lease.id }
}

t.test('a dynamic secret comes with its lease', async (t) => {
  const { make } = await rig(t, { ttl: 3600, renewable: true })
  const fetched = await value(make(), 'database/creds/app')
  t.equal(text(fetched), '{"username":"v-app-1","password":"CANARY-password-1"}')
  t.match(fetched.lease, { id: /^database\/creds\/app\//, durationMs: 3_600_000, renewable: true })
  t.notOk('replaceAfterMs' in (fetched.lease ?? {}))
})

t.test('a lease is renewed for what it was for at first, and a shorter answer is passed on', async (t) => {
  const { vault, clock, make } = await rig(t, { ttl: 3600, maxTtl: 5400, renewable: true })
  const provider = make()
  const lease = await leaseOf(provider)
  await clock.advance(1_200_000)
  const first = await provider.renew?.('database/creds/app', lease, signal())
  t.strictSame(first, { id: lease.id, durationMs: 3_600_000, renewable: true })
  t.strictSame(vault.bodies.at(-1), { lease_id: lease.id, increment: 3600 })
  await clock.advance(2_400_000)
  const second = await provider.renew?.('database/creds/app', first ?? lease, signal())
  t.strictSame(second, { id: lease.id, durationMs: 1_800_000, renewable: true })
  t.strictSame(vault.bodies.at(-1), { lease_id: lease.id, increment: 3600 })
})

t.test('a lease that is over, or cannot be renewed, is told so that another is fetched', async (t) => {
  const { vault, clock, make } = await rig(t, { ttl: 60, renewable: true })
  const provider = make()
  const lease = await leaseOf(provider)
  vault.leases.revoke(lease.id)
  const error = await failure(provider.renew?.('database/creds/app', lease, signal()) ?? Promise.resolve())
  t.match(error, { kind: 'missing' })
  leaksNothing(t, error)

  const fixed = await rig(t, { ttl: 60, renewable: false })
  const other = fixed.make()
  const unrenewable = await leaseOf(other)
  t.equal(unrenewable.renewable, false)
  t.match(await failure(other.renew?.('', unrenewable, signal()) ?? Promise.resolve()), { kind: 'denied' })
  t.match(
    await failure(other.renew?.('', { durationMs: 1, renewable: true }, signal()) ?? Promise.resolve()),
    {
      kind: 'denied',
    },
  )
  t.equal(clock.pending, 1)
})

t.test(
  'a denied renewal names the right that is missing; a failing server is a failing server',
  async (t) => {
    const { vault, make } = await rig(
      t,
      { ttl: 60, renewable: true },
      { ttl: 3600, policy: { '*': ['read'] } },
    )
    const provider = make()
    const lease = await leaseOf(provider)
    vault.intercept = ({ path }) =>
      path === 'sys/leases/renew' ? { status: 403, body: { errors: [] } } : undefined
    const denied = await failure(provider.renew?.('', lease, signal()) ?? Promise.resolve())
    t.match(denied, {
      kind: 'denied',
      message: /path "sys\/leases\/renew" \{ capabilities = \["update"\] \}/,
    })
    vault.intercept = () => ({ status: 502, body: { errors: [] } })
    t.match(await failure(provider.renew?.('', lease, signal()) ?? Promise.resolve()), {
      kind: 'unavailable',
    })
  },
)

t.test('a role that the engine does not know is told as such', async (t) => {
  const { make } = await rig(t, { ttl: 60, renewable: true })
  const error = await failureAt(make(), 'database/creds/other')
  t.match(error, { kind: 'unavailable', reason: 'status', message: /does not know the role/ })
  leaksNothing(t, error)
})

t.test('a lease that outlives a token with a known end ends with the token', async (t) => {
  const { make } = await rig(t, { ttl: 7200, renewable: true }, { ttl: 3600, isBatch: true })
  t.match(await leaseOf(make()), { durationMs: 3_600_000, renewable: false })
})

t.test('what hangs on a token that is replaced is to be fetched anew, and nothing else', async (t) => {
  const { vault, clock, make } = await rig(t, { ttl: 7200, renewable: true }, { ttl: 3600, maxTtl: 3600 })
  vault.mountKv('kv/', 2).put('app', { v: 'CANARY-1' })
  const provider = make()
  const changed: (string | undefined)[] = []
  const ended = new AbortController()
  const watching = provider.watch?.((key) => changed.push(key), ended.signal)
  await value(provider, 'kv/app')
  const lease = await leaseOf(provider)
  await clock.advance(2_400_000)
  await until(() => vault.count(/renew-self/) === 1)
  await clock.advance(900_000)
  await until(() => vault.count(/login/) === 2)
  t.strictSame(changed, ['database/creds/app'])
  t.ok(vault.leases.isAlive(lease.id), 'the old one is good still, until the new one is there')
  t.match(await failure(provider.renew?.('', lease, signal()) ?? Promise.resolve()), { kind: 'missing' })
  t.ok(vault.leases.isAlive((await leaseOf(provider)).id))
  ended.abort()
  await watching
})

t.test('a token that others hang on is not replaced because a path is denied', async (t) => {
  const policy = { 'database/creds/app': ['read'] }
  const { vault, clock, make } = await rig(t, { ttl: 7200, renewable: true }, { ttl: 36_000, policy })
  vault.mountKv('kv/', 2)
  const provider = make({ kvVersion: 1 })
  await leaseOf(provider)
  await clock.advance(3_600_000)
  t.match(await one(provider, 'kv/app'), { kind: 'denied' })
  t.equal(vault.count(/login/), 1)
})

t.test('without revokeOnStop nothing is revoked', async (t) => {
  const { vault, make } = await rig(t, { ttl: 60, renewable: true })
  const provider = make()
  await leaseOf(provider)
  await provider.close?.()
  t.equal(vault.count(/revoke/), 0)
  t.equal(vault.leases.alive.length, 1)
})

t.test('with revokeOnStop the token goes that was logged in for, and its leases with it', async (t) => {
  const { vault, warnings, make } = await rig(t, { ttl: 60, renewable: true })
  const provider = make({ revokeOnStop: true })
  const ids = [(await leaseOf(provider)).id, (await leaseOf(provider)).id]
  await provider.close?.()
  t.strictSame(vault.leases.revoked.toSorted(), ids.toSorted())
  t.equal(vault.tokens.size, 0)
  t.equal(vault.count(/revoke-self/), 1)
  t.strictSame(warnings, [])
})

t.test('of a batch token, or one that was given, each lease is revoked', async (t) => {
  const { vault, clock, warnings, make } = await rig(
    t,
    { ttl: 60, renewable: true },
    { ttl: 3600, isBatch: true },
  )
  const token = vault.token({ ttl: 0, policy: everything })
  for (const auth of [appRole, { token: source(token) }]) {
    const provider = make({ revokeOnStop: true, auth })
    const { id } = await leaseOf(provider)
    await provider.close?.()
    t.equal(vault.leases.revoked.at(-1), id)
  }
  t.strictSame(warnings, [])
  t.equal(clock.pending, 0)
  t.equal(vault.count(/revoke-self/), 0, 'neither is ours to revoke')
})

t.test('a lease whose answer is of no use is given back too', async (t) => {
  const { vault, warnings, make } = await rig(t, { ttl: 60, renewable: true })
  const body = { lease_duration: 3600, renewable: false }
  const answers = [{ data: { expiration: 5 } }, { data: null }]
  vault.engines.set('pki/', ({ token: by, path }) => {
    if (by === undefined) return undefined
    const lease_id = vault.leases.make(path, by, { ttl: 3600, renewable: false })
    return envelope({ ...body, lease_id, ...answers.shift() })
  })
  const provider = make({
    revokeOnStop: true,
    auth: { token: source(vault.token({ ttl: 0, policy: everything })) },
    requests: { web: { path: 'pki/issue/web', method: 'POST', body: {} } },
  })
  for (const _ of [1, 2]) t.match(await one(provider, 'web'), { kind: 'unavailable', reason: 'malformed' })
  await provider.close?.()
  t.equal(vault.leases.revoked.length, 2)
  t.strictSame(warnings, [])
})

t.test('revoking that fails, or hangs, is told of and holds up no stop', async (t) => {
  const { vault, clock, warnings, make } = await rig(t, { ttl: 60, renewable: true })
  for (const answer of ['hang', 'reset', { status: 403, body: { errors: ['CANARY'] } }] as const) {
    const provider = make({ revokeOnStop: true })
    await leaseOf(provider)
    const asked = Promise.withResolvers<void>()
    vault.intercept = () => {
      asked.resolve()
      return answer
    }
    const closing = provider.close?.()
    await asked.promise
    if (answer === 'hang') await clock.advance(5_000)
    await closing
    vault.intercept = () => undefined
  }
  t.equal(warnings.length, 3)
  t.match(warnings[0], /1 of 1 leases and tokens were not revoked/)
  leaksNothing(t, warnings)
})

t.test('a closed provider with nothing handed out has nothing to revoke', async (t) => {
  const { vault, make } = await rig(t, { ttl: 60, renewable: true })
  await make({ revokeOnStop: true }).close?.()
  t.strictSame(vault.asked, [])
})
