import t, { type Test } from 'tap'
import type { VaultProviderConfig } from '../../../src/config/schema.ts'
import { timeToLive } from '../../../src/providers/vault/lease.ts'
import type { Provider } from '../../../src/secrets/provider.ts'
import { createAuthority } from '../../support/certificates.ts'
import { type FakeVault, startFakeVault } from '../../support/fake-vault.ts'
import { envelope, failed } from '../../support/fake-vault-answer.ts'
import { VirtualClock } from '../../support/virtual-clock.ts'
import { leaksNothing, text } from '../conformance.ts'
import { failureAt, value, withToken } from './support.ts'

const body = { common_name: 'web.internal', ttl: '72h' }
const requests = {
  'web-tls': { path: 'pki/issue/web', method: 'POST' as const, body },
  thing: { path: 'things/one', method: 'GET' as const },
}

interface Rig {
  readonly vault: FakeVault
  readonly clock: VirtualClock
  readonly provider: Provider
}

async function rig(t: Test, data: Record<string, unknown>, more: Record<string, unknown> = {}): Promise<Rig> {
  const clock = new VirtualClock(Date.now())
  const vault = await startFakeVault(t, { clock })
  vault.engines.set('pki/', ({ method, body: sent, path, token }) => {
    if (method !== 'POST' || path !== 'pki/issue/web' || sent.common_name === undefined || !token) {
      return failed(400, 'the common_name field is required')
    }
    const lease =
      more.lease_duration === undefined
        ? {}
        : { lease_id: vault.leases.make(path, token, { ttl: 60, renewable: false }) }
    return envelope({ data, ...lease, ...more })
  })
  vault.engines.set('things/', ({ method }) => (method === 'GET' ? envelope({ data, ...more }) : undefined))
  const config: Partial<VaultProviderConfig> = { requests }
  return { vault, clock, provider: withToken(t, vault, config, { clock }) }
}

t.test('a certificate is issued by POST, and lives as long as it says', async (t) => {
  const wall = Date.now()
  const data = {
    certificate: '-----BEGIN CERTIFICATE-----\nCANARY',
    issuing_ca: 'ca',
    ca_chain: ['ca'],
    private_key: 'CANARY-key',
    expiration: Math.floor(wall / 1000) + 72 * 3600,
  }
  const { vault, provider } = await rig(t, data)
  const { value: material, lease } = await value(provider, 'web-tls')
  t.strictSame(JSON.parse(material.reveal().toString()), data)
  t.strictSame(vault.bodies.at(-1), body)
  t.ok(vault.asked.includes('POST pki/issue/web'))
  const life = 72 * 3600 * 1000
  t.ok(lease !== undefined && Math.abs(lease.durationMs - life) < 10_000)
  t.equal(lease?.renewable, false)
  t.equal(lease?.id, undefined)
  t.ok(Math.abs((lease?.replaceAfterMs ?? 0) - (2 / 3) * life) < 10_000)
})

t.test('a certificate with a lease has both, and the shorter time', async (t) => {
  const data = { certificate: 'CANARY', expiration: Math.floor(Date.now() / 1000) + 3600 }
  const { provider } = await rig(t, data, { lease_duration: 600 })
  const { lease } = await value(provider, 'web-tls')
  t.match(lease, { id: /^pki\/issue\/web\//, durationMs: 600_000, renewable: false, replaceAfterMs: 400_000 })
})

t.test('a certificate that does not say when it ends is asked itself', async (t) => {
  const issued = createAuthority().issue()
  const { provider } = await rig(t, { certificate: issued.cert, private_key: `CANARY-${issued.key}` })
  const { lease } = await value(provider, 'web-tls')
  t.ok(Math.abs((lease?.durationMs ?? 0) - 24 * 3600 * 1000) < 60_000)
})

t.test('what is over already, by this clock, is no value', async (t) => {
  const { provider } = await rig(t, { certificate: 'CANARY', expiration: Math.floor(Date.now() / 1000) - 1 })
  const error = await failureAt(provider, 'web-tls')
  t.match(error, { kind: 'unavailable', reason: 'malformed', message: /over already.*Compare the clocks/ })
  leaksNothing(t, error)
})

t.test('a ttl is a life too, and what has none is refreshed as any other', async (t) => {
  const short = await rig(t, { password: 'CANARY', ttl: '1h30m' })
  t.strictSame((await value(short.provider, 'thing')).lease, {
    durationMs: 5_400_000,
    renewable: false,
    replaceAfterMs: 3_600_000,
  })
  const none = await rig(t, { password: 'CANARY' })
  const fetched = await value(none.provider, 'thing')
  t.equal(text(fetched), '{"password":"CANARY"}')
  t.notOk('lease' in fetched)
})

t.test('the password of a static role is looked at again when it is rotated', async (t) => {
  const { vault, provider } = await rig(t, {})
  vault.engines.set('database/', () => envelope({ data: { password: 'CANARY', ttl: 120 } }))
  const fetched = await value(provider, 'database/static-creds/app')
  t.equal(fetched.ttlMs, 120_000)
  t.notOk('lease' in fetched)
})

t.test('a ttl is written as a number, or as Go writes durations', (t) => {
  for (const [written, ms] of [
    [3600, 3_600_000],
    ['3600', 3_600_000],
    ['72h', 259_200_000],
    ['1h30m5s', 5_405_000],
    ['90s', 90_000],
    ['', 0],
    ['soon', 0],
    ['-1h', 0],
    [-1, 0],
    [Number.NaN, 0],
    [null, 0],
    [{}, 0],
    ['1.5h', 0],
  ] as const) {
    t.equal(timeToLive(written), ms, JSON.stringify(written))
  }
  t.end()
})

t.test('a request that is refused names what its policy lacks', async (t) => {
  const { vault, provider } = await rig(t, {})
  vault.intercept = ({ path }) => (path.startsWith('pki/') ? failed(403, 'permission denied') : undefined)
  const error = await failureAt(provider, 'web-tls')
  t.ok(error.message.includes('path "pki/issue/web" { capabilities = ["create", "update"] }'), error.message)
  leaksNothing(t, error)
  vault.intercept = ({ path }) => (path.startsWith('pki/') ? failed(400, 'unknown role: web') : undefined)
  t.match(await failureAt(provider, 'web-tls'), { kind: 'unavailable', message: /does not know the role/ })
  vault.intercept = ({ path }) => (path.startsWith('pki/') ? failed(405, 'unsupported') : undefined)
  t.match(await failureAt(provider, 'web-tls'), {
    kind: 'unavailable',
    message: /cannot be read in this way/,
  })
})

t.test('a name that all objects have is no request', async (t) => {
  const { provider } = await rig(t, {})
  for (const key of ['constructor', '__proto__', 'toString']) {
    t.match(await failureAt(provider, key), { kind: 'missing' })
  }
})
