import type { AzureKeyVaultConfig } from '../../config/schema.ts'
import { StringSource } from '../../config/source.ts'

interface Application {
  readonly tenantId: string
  readonly clientId: string
}

/** Who the sidecar is, and what proves it. */
export type Identity =
  /** Microsoft Entra Workload ID: the service account's token is exchanged. */
  | (Application & { readonly kind: 'workloadIdentity'; readonly token: StringSource })
  | (Application & { readonly kind: 'clientSecret'; readonly secret: StringSource })
  | (Application & { readonly kind: 'clientCertificate'; readonly certificate: StringSource })
  | {
      readonly kind: 'managedIdentity'
      readonly clientId: string | undefined
      readonly resourceId: string | undefined
      /** Whether nobody named it: the environment named nothing else. */
      readonly isFallback: boolean
    }

/** Why there is no identity to be; fit for a message. */
export class NoIdentity extends Error {}

type Credential = NonNullable<AzureKeyVaultConfig['credential']>
type Environment = Readonly<Record<string, string | undefined>>

/** The identity that the configuration names, or the environment. Throws `NoIdentity`. */
export function identityOf(credential: Credential | undefined, env: Environment): Identity {
  if (credential === undefined) return fromEnvironment(env)
  const { workloadIdentity, managedIdentity, clientSecret, clientCertificate } = credential
  if (workloadIdentity !== undefined) return federated(workloadIdentity, env)
  if (clientSecret !== undefined) {
    const { clientSecret: secret, ...application } = clientSecret
    return { kind: 'clientSecret', ...application, secret }
  }
  if (clientCertificate !== undefined) return { kind: 'clientCertificate', ...clientCertificate }
  return managed(managedIdentity ?? {}, env)
}

/** The order of the SDKs' own chain, without what needs a person: command lines, editors, browsers. */
function fromEnvironment(env: Environment): Identity {
  const [tenantId, clientId] = [env.AZURE_TENANT_ID, env.AZURE_CLIENT_ID]
  if (tenantId && clientId) {
    const application = { tenantId, clientId }
    if (env.AZURE_CLIENT_SECRET) {
      const secret = new StringSource({ env: 'AZURE_CLIENT_SECRET' })
      return { kind: 'clientSecret', ...application, secret }
    }
    if (env.AZURE_CLIENT_CERTIFICATE_PATH) {
      const certificate = new StringSource({ file: env.AZURE_CLIENT_CERTIFICATE_PATH }, 'text')
      return { kind: 'clientCertificate', ...application, certificate }
    }
    if (env.AZURE_FEDERATED_TOKEN_FILE) return federated({}, env)
  }
  return {
    kind: 'managedIdentity',
    clientId: clientId || undefined,
    resourceId: undefined,
    isFallback: true,
  }
}

function federated(written: NonNullable<Credential['workloadIdentity']>, env: Environment): Identity {
  return {
    kind: 'workloadIdentity',
    tenantId: written.tenantId ?? named(env, 'AZURE_TENANT_ID', 'tenantId'),
    clientId: written.clientId ?? named(env, 'AZURE_CLIENT_ID', 'clientId'),
    token: new StringSource({
      file: written.tokenFile ?? named(env, 'AZURE_FEDERATED_TOKEN_FILE', 'tokenFile'),
    }),
  }
}

function named(env: Environment, variable: string, option: string): string {
  const value = env[variable]
  if (value) return value
  throw new NoIdentity(
    `credential.workloadIdentity.${option} is not set, nor is ${variable}. Does the pod have the label azure.workload.identity/use: "true", and its service account the annotation with the client id?`,
  )
}

function managed(written: NonNullable<Credential['managedIdentity']>, env: Environment): Identity {
  const exchanges = env.AZURE_TENANT_ID && env.AZURE_FEDERATED_TOKEN_FILE
  if (exchanges && (written.clientId || env.AZURE_CLIENT_ID)) {
    // The identity library would exchange that token without a word, over connections that are not ours.
    throw new NoIdentity(
      'credential.managedIdentity cannot be had beside Workload Identity, which AZURE_FEDERATED_TOKEN_FILE stands for. Use workloadIdentity, or take the label azure.workload.identity/use from the pod',
    )
  }
  const { clientId, resourceId } = written
  return { kind: 'managedIdentity', clientId, resourceId, isFallback: false }
}

/** What to do where the sign-in finds nobody to ask; a sentence or two. */
export function remedyOf(identity: Identity): string {
  if (identity.kind !== 'managedIdentity') return 'Check authorityHost, or raise timeout.'
  const remedy = 'Does this run on Azure, and may this pod reach the endpoint? Else name another credential.'
  if (!identity.isFallback) return remedy
  return `${remedy} It was asked because credential is not set, and AZURE_TENANT_ID, AZURE_CLIENT_ID and one of AZURE_CLIENT_SECRET, AZURE_CLIENT_CERTIFICATE_PATH and AZURE_FEDERATED_TOKEN_FILE are not set either.`
}
