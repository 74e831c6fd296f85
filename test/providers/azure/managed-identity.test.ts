import t from 'tap'
import { answer, faults } from '../../support/backend.ts'
import { clientId, tenantId } from '../../support/fake-azure-entra.ts'
import { startMetadata } from '../../support/fake-azure-metadata.ts'
import { startVault, vaultResource } from '../../support/fake-azure-vault.ts'
import { VirtualClock } from '../../support/virtual-clock.ts'
import { failureOf, leaksNothing, signal, text } from '../conformance.ts'
import { setEnvironment, vaultProvider } from './support.ts'

/*
 * The identity library finds the endpoint of the machine once for the whole process, and keeps its tokens for as long: so
 * all tests here share one endpoint, and each has an identity of its own.
 */
const metadata = await startMetadata(t, 'virtual machine')
const resourceId =
  '/subscriptions/1/resourceGroups/g/providers/Microsoft.ManagedIdentity/userAssignedIdentities/u'
const identity = (n: number): string => `3c1d0a5e-0000-4000-8000-00000000010${n}`

setEnvironment(t, {
  AZURE_TENANT_ID: undefined,
  AZURE_CLIENT_ID: undefined,
  AZURE_CLIENT_SECRET: undefined,
  AZURE_FEDERATED_TOKEN_FILE: undefined,
  AZURE_AUTHORITY_HOST: undefined,
  IDENTITY_ENDPOINT: undefined,
  AZURE_POD_IDENTITY_AUTHORITY_HOST: metadata.origin,
})

const isGood = (token: string): boolean => metadata.issued.get(token)?.resource === vaultResource
const vault = await startVault(t, isGood)
vault.set('key', 'CANARY-value')

t.beforeEach(() => {
  metadata.fault = undefined
})

t.test('a user-assigned identity signs in by its client id', async (t) => {
  metadata.identities.add(identity(1))
  const provider = await vaultProvider(t, vault.origin, {
    credential: { managedIdentity: { clientId: identity(1) } },
  })
  t.equal(text((await provider.fetch(['key'], signal())).get('key')), 'CANARY-value')
  t.same([...metadata.issued.values()].at(-1), { resource: vaultResource, identity: identity(1) })
})

t.test('a user-assigned identity signs in by its resource id', async (t) => {
  metadata.identities.add(resourceId)
  const provider = await vaultProvider(t, vault.origin, { credential: { managedIdentity: { resourceId } } })
  t.equal(text((await provider.fetch(['key'], signal())).get('key')), 'CANARY-value')
  t.same([...metadata.issued.values()].at(-1), { resource: vaultResource, identity: resourceId })
})

t.test('without a credential it is the last that is tried', async (t) => {
  const provider = await vaultProvider(t, vault.origin)
  t.equal(text((await provider.fetch(['key'], signal())).get('key')), 'CANARY-value')
  t.same([...metadata.issued.values()].at(-1), { resource: vaultResource, identity: 'system' })
})

t.test('a provider that was closed does not end the sign-ins of the next', async (t) => {
  for (const n of [2, 3]) {
    metadata.identities.add(identity(n))
    const provider = await vaultProvider(t, vault.origin, {
      credential: { managedIdentity: { clientId: identity(n) } },
    })
    t.equal(text((await provider.fetch(['key'], signal())).get('key')), 'CANARY-value')
    await provider.close?.()
  }
})

t.test('an identity that the machine does not have is denied', async (t) => {
  const provider = await vaultProvider(t, vault.origin, {
    credential: { managedIdentity: { clientId: identity(4) } },
  })
  const error = await failureOf(provider.fetch(['key'], signal()))
  t.match(error, {
    kind: 'denied',
    reason: 'denied',
    message: /does not have this user-assigned identity\. Assign it/,
  })
  t.match(error.message, `GET ${metadata.origin}/metadata/identity/oauth2/token`)
  leaksNothing(t, error)
})

t.test('what else the endpoint does is told by its kind', async (t) => {
  const provider = await vaultProvider(t, vault.origin, {
    credential: { managedIdentity: { clientId: identity(5) } },
    timeout: 300,
  })
  for (const [fault, expected] of [
    [answer(404, 'CANARY'), { kind: 'unavailable', reason: 'status' }],
    [answer(410, 'CANARY'), { kind: 'unavailable', reason: 'status' }],
    [answer(429, 'CANARY', { 'retry-after': '2' }), { kind: 'throttled', retryAfterMs: 2000 }],
    [answer(500, 'CANARY'), { kind: 'unavailable', reason: 'status' }],
    [answer(200, 'CANARY'), { kind: 'unavailable', reason: 'malformed' }],
    [answer(200, '{"access_token":"CANARY-token"}'), { kind: 'unavailable', reason: 'credential' }],
    [
      faults.resetBeforeHeaders,
      { kind: 'unavailable', reason: 'reset', message: /no managed identity answers here/ },
    ],
    [faults.hang, { kind: 'unavailable', reason: 'timeout', message: /Does this run on Azure/ }],
  ] as const) {
    metadata.fault = fault
    const error = await failureOf(provider.fetch(['key'], signal()))
    t.match(error, expected, error.message)
    leaksNothing(t, error)
  }
})

t.test('a sign-in that nobody asked for by name says why it was made', async (t) => {
  const provider = await vaultProvider(t, vault.origin, { timeout: 200 }, { clock: new VirtualClock() })
  setEnvironment(t, { AZURE_CLIENT_ID: identity(6) })
  metadata.fault = faults.resetBeforeHeaders
  const error = await failureOf(provider.fetch(['key'], signal()))
  t.match(error.message, /because credential is not set, and AZURE_TENANT_ID, .* are not set either/)
})

t.test('a token that the vault refuses and the machine gives again is not tried twice', async (t) => {
  metadata.identities.add(identity(7))
  const strict = await startVault(t, () => false)
  const provider = await vaultProvider(t, strict.origin, {
    credential: { managedIdentity: { clientId: identity(7) } },
  })
  const error = await failureOf(provider.fetch(['key'], signal()))
  t.match(error, { kind: 'denied', reason: 'denied', message: /the token is not accepted/ })
  t.equal(strict.asked.length, 1)
})

t.test('beside Workload Identity it is refused, as the library would not ask the machine', async (t) => {
  setEnvironment(t, {
    AZURE_TENANT_ID: tenantId,
    AZURE_CLIENT_ID: clientId,
    AZURE_FEDERATED_TOKEN_FILE: '/var/run/secrets/azure/tokens/azure-identity-token',
  })
  const provider = await vaultProvider(t, vault.origin, { credential: { managedIdentity: {} } })
  const before = metadata.backend.requests.length
  const error = await failureOf(provider.fetch(['key'], signal()))
  t.match(error, {
    kind: 'unavailable',
    reason: 'credential',
    message: /cannot be had beside Workload Identity/,
  })
  t.equal(metadata.backend.requests.length, before)
})
