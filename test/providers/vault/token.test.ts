import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { StringSource } from '../../../src/config/source.ts'
import type { Provider } from '../../../src/secrets/provider.ts'
import { type FakeVault, startFakeVault } from '../../support/fake-vault.ts'
import { envelope, type FakeAnswer } from '../../support/fake-vault-answer.ts'
import type { TokenSpec } from '../../support/fake-vault-tokens.ts'
import { VirtualClock } from '../../support/virtual-clock.ts'
import { leaksNothing } from '../conformance.ts'
import { appRole, everything, failureAt, one, source, until, value, vaultProvider } from './support.ts'

interface Rig {
  readonly vault: FakeVault
  readonly clock: VirtualClock
  readonly provider: Provider
}

/** A provider that logs in for tokens like this. */
async function rig(t: Test, token: TokenSpec): Promise<Rig> {
  const clock = new VirtualClock()
  const vault = await startFakeVault(t, { clock })
  vault.mountKv('kv/', 2).put('app', { v: 'CANARY-1' })
  const takes = new Map([['CANARY-secret-id', Number.POSITIVE_INFINITY]])
  vault.auth.roles.set('approle', { method: 'approle', name: 'role-1', takes, policy: everything, ...token })
  return { vault, clock, provider: vaultProvider(t, vault.url, { auth: appRole }, { clock }) }
}

const minute = 60_000

t.test('a token is renewed at two thirds of its life, for as long as it can be', async (t) => {
  const { vault, clock, provider } = await rig(t, { ttl: 3600 })
  await value(provider, 'kv/app')
  for (let n = 1; n <= 5; n++) {
    t.equal(clock.next, 40 * minute)
    await clock.advance(40 * minute)
    await until(() => vault.count(/renew-self/) === n && clock.pending === 1)
  }
  t.strictSame(vault.bodies.at(-1), { increment: '3600s' })
  t.ok(await value(provider, 'kv/app'))
  t.equal(vault.count(/login/), 1)
})

t.test('a token that nears the end that no renewal passes is replaced before it', async (t) => {
  const { vault, clock, provider } = await rig(t, { ttl: 3600, maxTtl: 5400 })
  await value(provider, 'kv/app')
  await clock.advance(2_400_000)
  await until(() => vault.count(/renew-self/) === 1 && clock.pending === 1)
  t.equal(clock.next, 2_000_000, 'it lives for 3000 s more')
  await clock.advance(2_000_000)
  await until(() => vault.count(/renew-self/) === 2 && clock.pending === 1)
  t.equal(clock.next, 750_000, 'it lives for 1000 s more, and no renewal makes more of it')
  await clock.advance(750_000)
  await until(() => vault.count(/login/) === 2 && clock.pending === 1)
  t.equal(clock.next, 2_400_000, 'the new one is renewed as the first')
  t.equal(vault.count(/renew-self/), 2)
  t.ok(await value(provider, 'kv/app'))
})

t.test('a token that cannot be renewed is replaced at three quarters of its life', async (t) => {
  const { vault, clock, provider } = await rig(t, { ttl: 1000, isBatch: true })
  await value(provider, 'kv/app')
  await clock.advance(749_000)
  t.equal(vault.count(/login/), 1)
  await clock.advance(2_000)
  await until(() => vault.count(/login/) === 2)
  t.equal(vault.count(/renew-self/), 0)
})

t.test('a token that does not end has no timer', async (t) => {
  const { clock, provider } = await rig(t, { ttl: 0 })
  await value(provider, 'kv/app')
  t.equal(clock.pending, 0)
})

t.test('a renewal that fails is tried again with backoff, and never in a hot loop', async (t) => {
  const { vault, clock, provider } = await rig(t, { ttl: 3600 })
  await value(provider, 'kv/app')
  vault.intercept = () => ({ status: 503, body: { errors: [] } })
  const times: number[] = []
  for (let at = 0; at < 20 * minute + 40 * minute; at += 1000) {
    const before = vault.count(/renew-self/)
    await clock.advance(1000)
    for (let turns = 0; turns < 12; turns++) await new Promise((resolve) => setImmediate(resolve))
    for (let n = vault.count(/renew-self/); n > before; n--) times.push(clock.now())
  }
  t.ok(times.length >= 10 && times.length <= 40, `${times.length} renewals in 20 minutes`)
  t.ok(vault.count(/login/) <= 40, `${vault.count(/login/)} logins`)
  vault.intercept = () => undefined
  await clock.advance(minute)
  t.ok(await value(provider, 'kv/app'), 'it comes back')
})

t.test('a token that is found dead when it is renewed is replaced', async (t) => {
  const { vault, clock, provider } = await rig(t, { ttl: 3600 })
  await value(provider, 'kv/app')
  vault.intercept = ({ path }) =>
    path.endsWith('renew-self') ? { status: 403, body: { errors: [] } } : undefined
  await clock.advance(40 * minute)
  await until(() => vault.count(/login/) === 2)
  t.ok(await value(provider, 'kv/app'))
})

t.test(
  'a token that was revoked is replaced at the first refusal, and what was asked for is had',
  async (t) => {
    const { vault, provider } = await rig(t, { ttl: 3600 })
    await value(provider, 'kv/app')
    vault.tokens.revokeAll()
    t.ok(await value(provider, 'kv/app'))
    t.equal(vault.count(/login/), 2)
  },
)

t.test('a denied path causes no login, however often it is asked for', async (t) => {
  const { vault, clock, provider } = await rig(t, { ttl: 3600, policy: { 'kv/data/other': ['read'] } })
  for (let n = 0; n < 20; n++) t.match(await one(provider, 'kv/app'), { kind: 'denied' })
  t.equal(vault.count(/login/), 1)
  t.equal(vault.count(/lookup-self/), 1)
  await clock.advance(11 * minute)
  for (let n = 0; n < 20; n++) t.match(await one(provider, 'kv/app'), { kind: 'denied' })
  t.equal(vault.count(/login/), 2, 'once the token is old, in case the policies of the role have changed')
  await clock.advance(11 * minute)
  t.match(await one(provider, 'kv/app'), { kind: 'denied' })
  t.equal(vault.count(/login/), 2, 'and less and less often, as it does not help')
  await clock.advance(11 * minute)
  t.match(await one(provider, 'kv/app'), { kind: 'denied' })
  t.equal(vault.count(/login/), 3)
})

t.test('policies that a role was given later are had by another login', async (t) => {
  const { vault, clock, provider } = await rig(t, { ttl: 3600, policy: { 'kv/data/other': ['read'] } })
  t.match(await one(provider, 'kv/app'), { kind: 'denied' })
  const role = vault.auth.roles.get('approle')
  if (role !== undefined) vault.auth.roles.set('approle', { ...role, policy: everything })
  await clock.advance(11 * minute)
  t.ok(await value(provider, 'kv/app'))
})

t.test(
  'where a token may not look itself up, a denied path causes a login in five minutes at the most',
  async (t) => {
    const { vault, clock, provider } = await rig(t, {
      ttl: 36_000,
      policy: { 'kv/data/other': ['read'] },
      withoutDefault: true,
    })
    for (let n = 0; n < 20; n++) {
      t.match(await one(provider, 'kv/app'), { kind: 'denied' })
      await clock.advance(14_000)
    }
    t.equal(vault.count(/login/), 2)
    await clock.advance(5 * minute)
    await one(provider, 'kv/app')
    t.equal(vault.count(/login/), 3)
  },
)

t.test('a given token is looked up once, and renewed', async (t) => {
  const clock = new VirtualClock()
  const vault = await startFakeVault(t, { clock })
  vault.mountKv('kv/', 2).put('app', { v: 'CANARY-1' })
  const token = vault.token({ ttl: 600, policy: everything })
  const provider = vaultProvider(t, vault.url, { auth: { token: source(token) } }, { clock })
  for (let n = 0; n < 3; n++) await value(provider, 'kv/app')
  await until(() => vault.count(/lookup-self/) === 1 && clock.pending === 1)
  await clock.advance(400_000)
  await until(() => vault.count(/renew-self/) === 1)
  t.equal(vault.count(/lookup-self/), 1)
})

t.test('a given token is looked up again until there is an answer, and then renewed', async (t) => {
  const clock = new VirtualClock()
  const vault = await startFakeVault(t, { clock })
  vault.mountKv('kv/', 2).put('app', { v: 'CANARY-1' })
  const token = vault.token({ ttl: 3600, policy: everything })
  const provider = vaultProvider(t, vault.url, { auth: { token: source(token) } }, { clock })
  const answers: FakeAnswer[] = [
    { status: 503, body: { errors: ['sealed'] } },
    { status: 429, body: { errors: [] }, headers: { 'retry-after': '7' } },
    { status: 502, body: '<html>' },
  ]
  vault.intercept = ({ path }) => (path.endsWith('lookup-self') ? answers.shift() : undefined)
  await value(provider, 'kv/app')
  const waits: (number | undefined)[] = []
  for (let n = 1; n <= 3; n++) {
    await until(() => vault.count(/lookup-self/) === n && clock.pending === 1)
    waits.push(clock.next)
    await clock.advance(clock.next ?? 0)
  }
  t.strictSame(waits, [750, 7000, 3000])
  await until(() => vault.count(/lookup-self/) === 4 && clock.pending === 1)
  await clock.advance(40 * minute)
  await until(() => vault.count(/renew-self/) === 1)
})

t.test('a given token is renewed from whichever look-up first has an answer', async (t) => {
  const clock = new VirtualClock()
  const vault = await startFakeVault(t, { clock })
  vault.mountKv('kv/', 2).put('app', { v: 'CANARY-1' })
  const token = vault.token({ ttl: 3600, policy: { 'kv/data/other': ['read'] } })
  const provider = vaultProvider(t, vault.url, { auth: { token: source(token) } }, { clock })
  let isDown = true
  vault.intercept = ({ path }) =>
    isDown && path.endsWith('lookup-self') ? { status: 503, body: { errors: [] } } : undefined
  t.match(await one(provider, 'kv/app'), { kind: 'unavailable' })
  await until(() => clock.pending === 1)
  isDown = false
  t.match(await one(provider, 'kv/app'), { kind: 'denied' })
  t.equal(clock.pending, 1, 'the look-up that was to come is not')
  t.equal(clock.next, 40 * minute)
  await provider.close?.()
  t.equal(clock.pending, 0)
})

t.test('a given token that was replaced in time is not warned of, and what hung on it is told', async (t) => {
  const clock = new VirtualClock()
  const vault = await startFakeVault(t, { clock })
  vault.engines.set('database/', ({ token: by, path }) => {
    if (by === undefined) return undefined
    const lease_id = vault.leases.make(path, by, { ttl: 86_400, renewable: true })
    return envelope({ lease_id, lease_duration: 86_400, renewable: true, data: { user: 'CANARY-user' } })
  })
  const make = (): string => vault.token({ ttl: 3600, maxTtl: 3600, policy: everything })
  const file = join(t.testdir({ token: make() }), 'token')
  const warnings: string[] = []
  const warn = (message: string): void => void warnings.push(message)
  const auth = { token: new StringSource({ file }) }
  const provider = vaultProvider(t, vault.url, { auth }, { clock, warn })
  const changed: (string | undefined)[] = []
  const ended = new AbortController()
  const watching = provider.watch?.((key) => changed.push(key), ended.signal)
  await value(provider, 'database/creds/app')
  await until(() => vault.count(/lookup-self/) === 1 && clock.pending === 2)
  await writeFile(file, make())
  await clock.advance(minute)
  await until(() => changed.length > 0)
  t.strictSame(changed, ['database/creds/app'])
  await value(provider, 'database/creds/app')
  await until(() => vault.count(/lookup-self/) === 2 && clock.pending === 2)
  t.strictSame(warnings, [])
  ended.abort()
  await watching
  await provider.close?.()
  t.equal(clock.pending, 0)
})

t.test('a renewal that is asked to wait does', async (t) => {
  const { vault, clock, provider } = await rig(t, { ttl: 3600 })
  await value(provider, 'kv/app')
  const headers = { 'retry-after': '120' }
  vault.intercept = ({ path }) =>
    path.endsWith('renew-self') ? { status: 429, body: { errors: [] }, headers } : undefined
  await clock.advance(40 * minute)
  await until(() => vault.count(/renew-self/) === 1 && clock.pending === 1)
  t.equal(clock.next, 120_000)
})

t.test('a renewal that leaves nothing of a token does not make it endless', async (t) => {
  const { vault, clock, provider } = await rig(t, { ttl: 3600 })
  await value(provider, 'kv/app')
  vault.intercept = ({ path }) =>
    path.endsWith('renew-self') ? envelope({ auth: { lease_duration: 0, renewable: true } }) : undefined
  await clock.advance(40 * minute)
  await until(() => vault.count(/login/) === 2)
})

t.test('tokens that die after a use or two cause no login for each request', async (t) => {
  const clock = new VirtualClock()
  const vault = await startFakeVault(t, { clock })
  vault.mountKv('kv/', 2).put('app', { v: 'CANARY-1' })
  const takes = new Map([['CANARY-secret-id', Number.POSITIVE_INFINITY]])
  vault.auth.roles.set('approle', { method: 'approle', name: 'role-1', takes, policy: everything, ttl: 3600 })
  const warnings: string[] = []
  const warn = (message: string): void => void warnings.push(message)
  const provider = vaultProvider(t, vault.url, { auth: appRole }, { clock, warn })
  const brought: unknown[] = []
  for (let n = 0; n < 50; n++) {
    brought.push(await one(provider, 'kv/app'))
    vault.tokens.revokeAll()
  }
  t.equal(vault.count(/login/), 4)
  t.match(brought.at(-1), { kind: 'unavailable', message: /token_num_uses/, retryAfterMs: 750 })
  t.match(warnings, [/token_num_uses/])
  t.equal(warnings.length, 1)
  await clock.advance(1_000)
  t.ok(await value(provider, 'kv/app'), 'it goes on after a while')
  await clock.advance(35 * minute)
  vault.tokens.revokeAll()
  t.ok(await value(provider, 'kv/app'), 'and one that lived for long is replaced at once')
  vault.tokens.revokeAll()
  t.ok(await value(provider, 'kv/app'))
})

t.test('a given token that cannot be renewed is told of before it ends', async (t) => {
  const clock = new VirtualClock()
  const vault = await startFakeVault(t, { clock })
  vault.mountKv('kv/', 2).put('app', { v: 'CANARY-1' })
  const token = vault.token({ ttl: 600, renewable: false, policy: everything })
  const warnings: string[] = []
  const warn = (message: string): void => void warnings.push(message)
  const provider = vaultProvider(t, vault.url, { auth: { token: source(token) } }, { clock, warn })
  await value(provider, 'kv/app')
  await until(() => clock.pending === 1)
  await clock.advance(450_000)
  t.match(warnings, [/the token from the configuration ends in 150 s and cannot be renewed any further/])
})

t.test('a given token that has expired is named as such, and causes no login', async (t) => {
  const clock = new VirtualClock()
  const vault = await startFakeVault(t, { clock })
  vault.mountKv('kv/', 2).put('app', { v: 'CANARY-1' })
  const token = vault.token({ ttl: 600, renewable: false, policy: everything })
  const warn = (): void => {}
  const provider = vaultProvider(t, vault.url, { auth: { token: source(token) } }, { clock, warn })
  await value(provider, 'kv/app')
  await until(() => clock.pending === 1)
  await clock.advance(601_000)
  const error = await failureAt(provider, 'kv/app')
  t.match(error, {
    kind: 'denied',
    message: /403: the token from the configuration has expired\. Put a new one there/,
  })
  leaksNothing(t, error)
})

t.test('a token file is read at each use: a new token is used at once', async (t) => {
  const vault = await startFakeVault(t)
  vault.mountKv('kv/', 2).put('app', { v: 'CANARY-1' })
  const file = join(t.testdir({ token: 'CANARY-of-nobody\n' }), 'token')
  const provider = vaultProvider(t, vault.url, { auth: { token: new StringSource({ file }) } })
  t.match(await failureAt(provider, 'kv/app'), {
    kind: 'denied',
    message: /file .*token has expired or was revoked/,
  })
  await writeFile(file, ` ${vault.token({ policy: everything })} \n`)
  t.ok(await value(provider, 'kv/app'))
  await writeFile(file, 'CANARY two words')
  t.match(await failureAt(provider, 'kv/app'), { kind: 'unavailable', reason: 'credential' })
})

t.test('a token prints as a label', async (t) => {
  const { vault, provider } = await rig(t, { ttl: 3600 })
  await value(provider, 'kv/app')
  leaksNothing(t, provider)
  t.equal(vault.tokens.size, 1)
})

t.test('closing leaves no timer', async (t) => {
  const { clock, provider } = await rig(t, { ttl: 3600 })
  await value(provider, 'kv/app')
  t.equal(clock.pending, 1)
  await provider.close?.()
  t.equal(clock.pending, 0)
})
