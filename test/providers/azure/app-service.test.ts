import t from 'tap'
import { clientId } from '../../support/fake-azure-entra.ts'
import { identityHeader, startMetadata } from '../../support/fake-azure-metadata.ts'
import { startVault, vaultResource } from '../../support/fake-azure-vault.ts'
import { failureOf, leaksNothing, signal, text } from '../conformance.ts'
import { setEnvironment, vaultProvider } from './support.ts'

t.test('App Service and Container Apps name their endpoint in the environment', async (t) => {
  const metadata = await startMetadata(t, 'app service')
  setEnvironment(t, {
    AZURE_FEDERATED_TOKEN_FILE: undefined,
    AZURE_AUTHORITY_HOST: undefined,
    IDENTITY_ENDPOINT: `${metadata.origin}/msi/token`,
    IDENTITY_HEADER: identityHeader,
  })
  const vault = await startVault(t, (token) => metadata.issued.get(token)?.resource === vaultResource)
  vault.set('key', 'CANARY-value')
  const credential = { managedIdentity: { clientId } }

  const stranger = await vaultProvider(t, vault.origin, { credential })
  const error = await failureOf(stranger.fetch(['key'], signal()))
  t.match(error, { kind: 'denied', reason: 'denied' })
  leaksNothing(t, error)

  metadata.identities.add(clientId)
  t.equal(text((await stranger.fetch(['key'], signal())).get('key')), 'CANARY-value')
})
