import * as z from 'zod/mini'
import { isLoopbackAddress } from '../../listen.ts'
import { path, source, text } from '../fields.ts'
import { option, section } from '../option.ts'
import { ca, calls, maxBody, maxSecrets, timeout } from './shared.ts'

const urlExpected =
  "the vault's address without a path, such as https://my-vault.vault.azure.net (http:// for loopback only)"

/** The token goes there with each request: never unencrypted, but to a test on the same machine. */
const vaultUrl = () =>
  option(
    text(/^https?:\/\/[A-Za-z0-9._:[\]-]+\/?$/, urlExpected).check(
      z.refine((written) => isSafe(written), { error: urlExpected }),
    ),
    { type: 'URL' },
  )

function isSafe(written: string): boolean {
  const url = URL.parse(written)
  if (url === null) return false
  const host = url.hostname.replace(/^\[(.*)\]$/, '$1')
  return url.protocol === 'https:' || host === 'localhost' || isLoopbackAddress(host)
}

const httpsUrl = (pattern: RegExp, expected: string) =>
  option(text(pattern, expected).check(z.refine((written) => URL.canParse(written), { error: expected })), {
    type: 'URL',
  })

const clientId = () => text(/^[0-9A-Fa-f]{8}(?:-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}$/, 'a client id: a GUID')
const tenantId = () => text(/^[0-9A-Za-z][0-9A-Za-z.-]{0,252}$/, 'a tenant: its GUID or one of its domains')

const application = () => ({
  tenantId: option(tenantId(), {
    description: 'The tenant (directory) of the application.',
    example: 'contoso.onmicrosoft.com',
  }),
  clientId: option(clientId(), {
    description: 'The application (client) id.',
    example: '3c1d0a5e-0000-4000-8000-000000000001',
  }),
})

const workloadIdentity = () =>
  section({
    clientId: option(z.optional(clientId()), {
      description: 'The application or user-assigned identity that trusts the service account.',
      fallback: '`AZURE_CLIENT_ID`, which the webhook of Workload Identity sets',
      example: '3c1d0a5e-0000-4000-8000-000000000001',
    }),
    tenantId: option(z.optional(tenantId()), {
      description: 'The tenant of that identity.',
      fallback: '`AZURE_TENANT_ID`',
      example: 'contoso.onmicrosoft.com',
    }),
    tokenFile: option(z.optional(path()), {
      description: "The service account's token, read again for each sign-in.",
      fallback: '`AZURE_FEDERATED_TOKEN_FILE`',
      example: '/var/run/secrets/azure/tokens/azure-identity-token',
    }),
  })

const oneIdentity = 'clientId or resourceId, and not both'

const managedIdentity = () =>
  section({
    clientId: option(z.optional(clientId()), {
      description: 'The client id of a user-assigned identity.',
      fallback: 'the system-assigned identity',
      example: '3c1d0a5e-0000-4000-8000-000000000001',
    }),
    resourceId: option(
      z.optional(text(/^\/subscriptions\/[!-~]{1,500}$/, 'a resource id: /subscriptions/…')),
      {
        description: 'The resource id of a user-assigned identity, in place of its client id.',
        fallback: 'none',
        example:
          '/subscriptions/ID/resourceGroups/shop/providers/Microsoft.ManagedIdentity/userAssignedIdentities/shop',
      },
    ),
  }).check(z.refine((id) => id.clientId === undefined || id.resourceId === undefined, { error: oneIdentity }))

const clientSecret = () =>
  section({
    ...application(),
    clientSecret: option(source('credential'), {
      description: 'The value of the client secret, not its id.',
      example: { file: '/run/secrets/client-secret' },
    }),
  })

const clientCertificate = () =>
  section({
    ...application(),
    certificate: option(source('text'), {
      description: 'The certificate and its private key without a passphrase, both in PEM.',
      example: { file: '/run/secrets/client.pem' },
    }),
  })

const kinds = 'exactly one of workloadIdentity, managedIdentity, clientSecret, clientCertificate'

const credential = () =>
  section({
    workloadIdentity: option(z.optional(workloadIdentity()), {
      description: "Microsoft Entra Workload ID: the pod's service account, without any secret.",
      type: 'mapping',
      fallback: 'not used',
      example: {},
    }),
    managedIdentity: option(z.optional(managedIdentity()), {
      description: 'The identity of the virtual machine, node or App Service.',
      type: 'mapping',
      fallback: 'not used',
      example: {},
    }),
    clientSecret: option(z.optional(clientSecret()), { description: 'An application with a client secret.' }),
    clientCertificate: option(z.optional(clientCertificate()), {
      description: 'An application with a certificate.',
    }),
  }).check(
    z.refine((all) => Object.values(all).filter((one) => one !== undefined).length === 1, { error: kinds }),
  )

const resourceExpected = 'the resource that tokens are for, such as https://vault.azure.net'
const authorityExpected =
  'the address of Microsoft Entra ID without a path, such as https://login.microsoftonline.us'

export const azureKeyVault = () =>
  section({
    type: option(z.literal('azure-key-vault'), {
      description: 'Reads Azure Key Vault.',
      example: 'azure-key-vault',
    }),
    url: option(vaultUrl(), {
      description: 'The address of the vault.',
      example: 'https://my-vault.vault.azure.net',
    }),
    credential: option(z.optional(credential()), {
      description: `How the sidecar signs in: ${kinds}.`,
      fallback:
        "what the environment names, in this order: `AZURE_TENANT_ID` and `AZURE_CLIENT_ID` with `AZURE_CLIENT_SECRET`, with `AZURE_CLIENT_CERTIFICATE_PATH`, or with `AZURE_FEDERATED_TOKEN_FILE`; else the machine's managed identity",
      type: 'mapping',
      example: { workloadIdentity: {} },
    }),
    authorityHost: option(z.optional(httpsUrl(/^https:\/\/[A-Za-z0-9._:[\]-]+\/?$/, authorityExpected)), {
      description: 'Where to sign in, for clouds other than the public one.',
      fallback: '`AZURE_AUTHORITY_HOST`, else `https://login.microsoftonline.com`',
      example: 'https://login.microsoftonline.us',
    }),
    resource: option(z.optional(httpsUrl(/^https:\/\/[A-Za-z0-9._:[\]-]+(?:\/[!-~]*)?$/, resourceExpected)), {
      description:
        "What tokens are asked for. Only for vaults whose address does not tell: what the vault itself asks for has to be its address' domain.",
      fallback: 'what the vault asks for, where that is the domain it lies in',
      example: 'https://vault.azure.net',
    }),
    certificates: option(z.prefault(z.enum(['pem', 'unchanged']), 'pem'), {
      description:
        'What becomes of a certificate that the vault holds as PKCS#12: `pem` gives its key and its chain in PEM, `unchanged` the base64 that the vault gives.',
      example: 'unchanged',
    }),
    ca: ca(),
    timeout: timeout('10s'),
    maxBody: maxBody('1MiB'),
    maxSecrets: maxSecrets(),
    ...calls(),
  })
