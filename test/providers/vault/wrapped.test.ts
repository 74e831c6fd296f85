import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { StringSource } from '../../../src/config/source.ts'
import type { Provider } from '../../../src/secrets/provider.ts'
import { type FakeVault, startFakeVault } from '../../support/fake-vault.ts'
import { VirtualClock } from '../../support/virtual-clock.ts'
import { leaksNothing } from '../conformance.ts'
import { everything, failureAt, source, value, vaultProvider } from './support.ts'

interface Rig {
  readonly vault: FakeVault
  readonly clock: VirtualClock
  readonly provider: Provider
  put(wrapping: string): Promise<void>
}

const path = 'auth/approle/role/app/secret-id'
const made = { secret_id: 'CANARY-secret-id', secret_id_accessor: 'CANARY-accessor' }

async function rig(t: Test, namespace?: string): Promise<Rig> {
  const clock = new VirtualClock()
  const vault = await startFakeVault(t, { clock, ...(namespace && { namespace: `${namespace}/` }) })
  vault.mountKv('kv/', 2).put('app', { v: 'CANARY-1' })
  const takes = new Map([['CANARY-secret-id', Number.POSITIVE_INFINITY]])
  vault.auth.roles.set('approle', {
    method: 'approle',
    name: 'role-1',
    takes,
    policy: everything,
    ttl: 60,
    maxTtl: 60,
  })
  const file = join(t.testdir({}), 'wrapping-token')
  const secretId = new StringSource({ file })
  const auth = { appRole: { roleId: source('role-1'), secretId, wrapped: true, mount: 'approle' } }
  const provider = vaultProvider(t, vault.url, { auth, namespace }, { clock })
  return { vault, clock, provider, put: (wrapping) => writeFile(file, `${wrapping}\n`) }
}

t.test('a wrapped secret id is unwrapped once, and serves all logins from memory', async (t) => {
  const { vault, clock, provider, put } = await rig(t)
  await put(vault.auth.wrap(path, made))
  for (let n = 0; n < 3; n++) {
    await value(provider, 'kv/app')
    await clock.advance(61_000)
  }
  t.ok(vault.count(/auth\/approle\/login/) >= 3)
  t.equal(vault.count(/sys\/wrapping\/lookup/), 1)
  t.equal(vault.count(/sys\/wrapping\/unwrap/), 1)
})

t.test('a new wrapping token brings a new secret id', async (t) => {
  const { vault, clock, provider, put } = await rig(t)
  await put(vault.auth.wrap(path, made))
  await value(provider, 'kv/app')
  vault.auth.roles.get('approle')?.takes?.set('CANARY-second', 1)
  await put(vault.auth.wrap('auth/approle/role/app/custom-secret-id', { secret_id: 'CANARY-second' }))
  await clock.advance(61_000)
  await value(provider, 'kv/app')
  t.equal(vault.count(/sys\/wrapping\/unwrap/), 2)
})

t.test('a wrapping token that was made for something else is an incident, and not unwrapped', async (t) => {
  const { vault, clock, provider, put } = await rig(t)
  for (const creation of [
    'sys/wrapping/wrap',
    'auth/other/role/app/secret-id',
    'auth/approle/role/secret-id',
  ]) {
    await put(vault.auth.wrap(creation, made))
    const error = await failureAt(provider, 'kv/app')
    t.match(error, { kind: 'denied', message: /was not made for a secret id of auth\/approle.*an incident/ })
    leaksNothing(t, error)
    await clock.advance(60_000)
  }
  t.equal(vault.count(/sys\/wrapping\/lookup/), 3)
  t.equal(vault.count(/sys\/wrapping\/unwrap/), 0)
})

t.test('a wrapping token that somebody else has used is an incident', async (t) => {
  const { vault, provider, put } = await rig(t)
  const wrapping = vault.auth.wrap(path, made)
  await put(wrapping)
  vault.auth.unwrap(wrapping)
  const error = await failureAt(provider, 'kv/app')
  t.match(error, { kind: 'denied', message: /somebody else has used it already.*an incident/ })
  leaksNothing(t, error)
})

t.test(
  'an answer that was lost may be the reason that the next attempt fails, and that is said',
  async (t) => {
    const { vault, clock, provider, put } = await rig(t)
    const wrapping = vault.auth.wrap(path, made)
    await put(wrapping)
    vault.intercept = ({ path: asked }) => {
      if (asked !== 'sys/wrapping/unwrap') return undefined
      vault.auth.unwrap(wrapping)
      return 'reset'
    }
    t.match(await failureAt(provider, 'kv/app'), { kind: 'unavailable', reason: 'reset' })
    await clock.advance(2_000)
    t.match(await failureAt(provider, 'kv/app'), {
      kind: 'denied',
      message: /an earlier attempt, whose answer was lost/,
    })
  },
)

t.test('a secret id that was unwrapped is not lost when the login after it fails', async (t) => {
  const { vault, clock, provider, put } = await rig(t)
  await put(vault.auth.wrap(path, made))
  vault.intercept = ({ path: asked }) =>
    asked.endsWith('/login') ? { status: 503, body: { errors: [] } } : undefined
  t.match(await failureAt(provider, 'kv/app'), { kind: 'unavailable' })
  vault.intercept = () => undefined
  await clock.advance(2_000)
  t.ok(await value(provider, 'kv/app'))
})

t.test('in a namespace the path may name it or not', async (t) => {
  const { vault, clock, provider, put } = await rig(t, 'team-a')
  await put(vault.auth.wrap(`team-a/${path}`, made))
  await value(provider, 'kv/app')
  await put(vault.auth.wrap(path, made))
  await clock.advance(61_000)
  await value(provider, 'kv/app')
})
