import { createPrivateKey } from 'node:crypto'
import { Impersonated } from 'google-auth-library/build/src/auth/impersonated.js'
import { JWT } from 'google-auth-library/build/src/auth/jwtclient.js'
import { OAuth2Client } from 'google-auth-library/build/src/auth/oauth2client.js'
import { UserRefreshClient } from 'google-auth-library/build/src/auth/refreshclient.js'
import { ProviderError } from '../../../secrets/provider.ts'
import { federated } from './federation.ts'
import { type Found, unusable } from './found.ts'
import { Adapter } from './gaxios.ts'
import { isObject } from './json.ts'
import { optionalUrl, text } from './members.ts'
import { asToken, type Token } from './session.ts'
import type { Transport } from './transport.ts'

/** What Secret Manager asks for; what the account may do in it is the affair of IAM. */
const scopes = ['https://www.googleapis.com/auth/cloud-platform']

/** Seconds: as long as it can be without a policy of the organisation. */
const lifetime = 3600

/** The service account to act as, and the API that lets one. */
export interface Target {
  readonly account: string
  /** `https://iamcredentials.googleapis.com`. */
  readonly origin: string
}

type Client = JWT | UserRefreshClient | Impersonated | OAuth2Client | ReturnType<typeof federated>

/** A token for what the credentials hold now. Rejects with a ProviderError. */
export async function tokenFor(
  found: Found,
  target: Target | undefined,
  transport: Transport,
): Promise<Token> {
  const own = sourceOf(found)
  const step = own.json.type === 'external_account' ? 'exchange' : 'grant'
  const adapter = new Adapter(transport, { step, tokenUrl: optionalUrl(own, 'token_uri') })
  return await tokenOf(() => acting(clientFor(found, adapter), target, adapter), adapter, found.place)
}

/** Whose the credentials are before they act as another. */
function sourceOf(found: Found): Found {
  const { type, source_credentials: json } = found.json
  return type === 'impersonated_service_account' && isObject(json) ? { ...found, json } : found
}

/** A token of the target for one of another account. Rejects with a ProviderError. */
export async function impersonated(
  token: Token,
  target: Target,
  transport: Transport,
  place: string,
): Promise<Token> {
  const adapter = new Adapter(transport, { step: 'grant', tokenUrl: undefined })
  const own = new OAuth2Client({ ...adapter.options, credentials: { access_token: token.token } })
  return await tokenOf(() => acting(own, target, adapter), adapter, place)
}

/** What the library throws quotes answers and files, so nothing of it is kept. */
async function tokenOf(client: () => Client, adapter: Adapter, place: string): Promise<Token> {
  try {
    const made = client()
    const { token } = await made.getAccessToken()
    // It reckons on the wall clock of the process, whatever ours is.
    const result = asToken(token, (made.credentials.expiry_date ?? 0) - Date.now())
    if (result !== undefined) return result
  } catch (error) {
    if (adapter.failure !== undefined) throw adapter.failure
    if (error instanceof ProviderError) throw error
    throw unusable(
      { place },
      'cannot be made an access token of. Make it anew, with gcloud or in the console.',
    )
  }
  const words = 'the answer holds no access token. Check the URL in the credentials.'
  throw new ProviderError('unavailable', 'malformed', `${place}: ${words}`)
}

function acting(client: Client, target: Target | undefined, { options }: Adapter): Client {
  if (target === undefined) return client
  const { account: targetPrincipal, origin: endpoint } = target
  return new Impersonated({
    ...options,
    sourceClient: client,
    targetPrincipal,
    targetScopes: scopes,
    lifetime,
    endpoint,
  })
}

function clientFor(found: Found, adapter: Adapter): Client {
  switch (found.json.type) {
    case 'service_account':
      return serviceAccount(found, adapter)
    case 'authorized_user':
      return authorizedUser(found, adapter)
    case 'external_account':
      return federated(found, adapter)
    case 'impersonated_service_account':
      return impersonatedAccount(found, adapter)
    default:
      throw unusable(
        found,
        'has another type than service_account, authorized_user, external_account or impersonated_service_account.',
      )
  }
}

function serviceAccount(found: Found, { options }: Adapter): JWT {
  const key = text(found, 'private_key')
  try {
    createPrivateKey(key)
  } catch {
    throw unusable(found, 'has a private_key that is none. Make a new key, or write it as it was downloaded.')
  }
  const audience = optionalUrl(found, 'token_uri')
  return new JWT({
    ...options,
    email: text(found, 'client_email'),
    key,
    scopes,
    ...(audience !== undefined && { additionalClaims: { aud: audience.href } }),
  })
}

function authorizedUser(found: Found, { options }: Adapter): UserRefreshClient {
  return new UserRefreshClient({
    ...options,
    clientId: text(found, 'client_id'),
    clientSecret: text(found, 'client_secret'),
    refreshToken: text(found, 'refresh_token'),
  })
}

const impersonationPath =
  /^\/v1\/projects\/-\/serviceAccounts\/([A-Za-z0-9._-]+@[a-z0-9.-]+):generateAccessToken$/

function impersonatedAccount(found: Found, adapter: Adapter): Impersonated {
  const url = optionalUrl(found, 'service_account_impersonation_url')
  const account = impersonationPath.exec(url?.pathname ?? '')?.[1]
  if (url === undefined || account === undefined) {
    throw unusable(found, 'has no service_account_impersonation_url that names a service account.')
  }
  const { source_credentials: json, delegates } = found.json
  if (!isObject(json) || json.type === 'impersonated_service_account') {
    throw unusable(found, 'has no source_credentials, or such as are impersonated themselves.')
  }
  return new Impersonated({
    ...adapter.options,
    sourceClient: clientFor({ ...found, json }, adapter),
    targetPrincipal: account,
    targetScopes: scopes,
    lifetime,
    endpoint: url.origin,
    ...(Array.isArray(delegates) && { delegates: delegates.filter((name) => typeof name === 'string') }),
  })
}
