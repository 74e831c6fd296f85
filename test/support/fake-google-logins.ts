import { createPublicKey, generateKeyPairSync, type KeyObject, verify } from 'node:crypto'
import { type GoogleAnswer, type GoogleRequest, googleError } from './fake-google.ts'
import type { Project } from './fake-google-secrets.ts'

/** Making an RSA key takes long, and none of the tests is about another one. */
const serviceAccountKey = generateKeyPairSync('rsa', { modulusLength: 2048 })

export const pool =
  '//iam.googleapis.com/projects/123456789012/locations/global/workloadIdentityPools/pods/providers/cluster'

const scope = 'https://www.googleapis.com/auth/cloud-platform'

/** Where access tokens come from, and which are good. */
export class FakeGoogleLogins {
  readonly #project: Project
  readonly #origin: () => string
  readonly #good = new Set<string>()
  #count = 0
  /** Seconds for which a token is said to be accepted. */
  lifetime = 3600
  /** False for a machine without a service account. */
  attached = true
  /** False where the account may not be acted as. */
  mayImpersonate = true
  /** What a token to be exchanged has to be. */
  subjectToken = 'CANARY-subject-token'
  readonly account = 'reader@my-project.iam.gserviceaccount.com'
  readonly target = 'target@my-project.iam.gserviceaccount.com'

  constructor(project: Project, origin: () => string) {
    this.#project = project
    this.#origin = origin
  }

  accepts(token: string): boolean {
    return this.#good.has(token)
  }

  /** Whatever was given is not accepted any more. */
  revoke(): void {
    this.#good.clear()
  }

  /** How many tokens were given. */
  get given(): number {
    return this.#count
  }

  /** A key of a service account, as the console writes it. */
  serviceAccount(more: Readonly<Record<string, unknown>> = {}): Record<string, unknown> {
    return {
      type: 'service_account',
      project_id: this.#project.id,
      private_key_id: 'CANARY-key-id',
      private_key: serviceAccountKey.privateKey.export({ type: 'pkcs8', format: 'pem' }).toString(),
      client_email: this.account,
      client_id: '1',
      token_uri: `${this.#origin()}/token`,
      ...more,
    }
  }

  /** What `gcloud auth application-default login` leaves. */
  authorizedUser(more: Readonly<Record<string, unknown>> = {}): Record<string, unknown> {
    return {
      type: 'authorized_user',
      client_id: 'client',
      client_secret: 'CANARY-client-secret',
      refresh_token: 'CANARY-refresh-token',
      token_uri: `${this.#origin()}/token`,
      ...more,
    }
  }

  /** What `gcloud iam workload-identity-pools create-cred-config` writes. */
  externalAccount(
    source: Readonly<Record<string, unknown>>,
    more: Readonly<Record<string, unknown>> = {},
  ): Record<string, unknown> {
    return {
      type: 'external_account',
      audience: pool,
      subject_token_type: 'urn:ietf:params:oauth:token-type:jwt',
      token_url: `${this.#origin()}/v1/token`,
      credential_source: source,
      ...more,
    }
  }

  impersonationUrl(account = this.target): string {
    return `${this.#origin()}/v1/projects/-/serviceAccounts/${account}:generateAccessToken`
  }

  answer(request: GoogleRequest): GoogleAnswer | undefined {
    const { method, url } = request
    if (url.pathname.startsWith('/computeMetadata/')) return this.#metadata(request)
    if (method === 'GET' && url.pathname === '/subject-token') return this.#subject(request)
    if (method !== 'POST') return undefined
    if (url.pathname === '/token') return this.#grant(request)
    if (url.pathname === '/v1/token') return this.#exchange(request)
    if (url.pathname.endsWith(':generateAccessToken')) return this.#impersonate(request)
    return undefined
  }

  #issue(): string {
    this.#count++
    const token = `CANARY-access-token-${this.#count}`
    this.#good.add(token)
    return token
  }

  #token(): GoogleAnswer {
    const body = { access_token: this.#issue(), expires_in: this.lifetime, token_type: 'Bearer' }
    return { status: 200, body: JSON.stringify(body) }
  }

  #metadata({ url, headers, method }: GoogleRequest): GoogleAnswer | undefined {
    const flavor = { 'metadata-flavor': 'Google', server: 'Metadata Server for VM' }
    if (
      method !== 'GET' ||
      headers['metadata-flavor'] !== 'Google' ||
      headers['x-forwarded-for'] !== undefined
    ) {
      return { status: 403, headers: flavor }
    }
    const path = url.pathname.replace('/computeMetadata/v1/', '')
    if (path === 'project/project-id') return { status: 200, body: this.#project.id, headers: flavor }
    if (path !== 'instance/service-accounts/default/token') return undefined
    return this.attached ? { ...this.#token(), headers: flavor } : { status: 404, headers: flavor }
  }

  #subject({ headers }: GoogleRequest): GoogleAnswer {
    if (headers['x-asks'] !== 'for-a-token') return { status: 403, body: 'CANARY-refused' }
    return { status: 200, body: JSON.stringify({ token: this.subjectToken }) }
  }

  #grant(request: GoogleRequest): GoogleAnswer {
    const form = formOf(request)
    if (form === undefined) return oauthError('invalid_request')
    const type = form.get('grant_type')
    if (type === 'refresh_token') {
      const isKnown =
        form.get('refresh_token') === 'CANARY-refresh-token' &&
        form.get('client_id') === 'client' &&
        form.get('client_secret') === 'CANARY-client-secret'
      return isKnown ? this.#token() : oauthError('invalid_grant')
    }
    if (type !== 'urn:ietf:params:oauth:grant-type:jwt-bearer') return oauthError('unsupported_grant_type')
    const isSigned = this.#isSigned(form.get('assertion') ?? '', serviceAccountKey.publicKey)
    return isSigned ? this.#token() : oauthError('invalid_grant', 'Invalid JWT Signature. CANARY-jwt')
  }

  #isSigned(assertion: string, key: KeyObject): boolean {
    const [head = '', claims = '', signature = ''] = assertion.split('.')
    const { alg } = JSON.parse(Buffer.from(head, 'base64url').toString())
    const { iss, aud, scope: scopes, iat, exp } = JSON.parse(Buffer.from(claims, 'base64url').toString())
    const now = Date.now() / 1000
    const isTimely = Math.abs(now - iat) < 300 && exp > now && exp - iat <= 3600
    const isFor = iss === this.account && aud === `${this.#origin()}/token` && scopes === scope
    const signed = Buffer.from(`${head}.${claims}`)
    const isOurs = verify(
      'RSA-SHA256',
      signed,
      createPublicKey(pem(key)),
      Buffer.from(signature, 'base64url'),
    )
    return alg === 'RS256' && isTimely && isFor && isOurs
  }

  #exchange(request: GoogleRequest): GoogleAnswer {
    const form = formOf(request)
    const isExchange = form?.get('grant_type') === 'urn:ietf:params:oauth:grant-type:token-exchange'
    const wanted = form?.get('requested_token_type') === 'urn:ietf:params:oauth:token-type:access_token'
    if (form === undefined || !isExchange || !wanted || form.get('scope') !== scope) {
      return oauthError('invalid_request')
    }
    if (form.get('audience') !== pool) return oauthError('invalid_target', 'CANARY-pool')
    if (form.get('subject_token') === this.subjectToken) return this.#token()
    return oauthError(
      'invalid_grant',
      'CANARY: the audience in ID Token does not match the expected audience.',
    )
  }

  #impersonate({ url, headers, body }: GoogleRequest): GoogleAnswer {
    const token = /^Bearer (.+)$/.exec(headers.authorization ?? '')?.[1] ?? ''
    if (!this.accepts(token)) return googleError(401, 'UNAUTHENTICATED')
    const account = decodeURIComponent(
      /\/serviceAccounts\/([^/:]+):generateAccessToken$/.exec(url.pathname)?.[1] ?? '',
    )
    if (account !== this.target || !this.mayImpersonate) {
      return googleError(403, 'PERMISSION_DENIED', { reason: 'IAM_PERMISSION_DENIED' })
    }
    const asked = JSON.parse(body)
    if (asked.scope?.[0] !== scope || asked.lifetime !== '3600s') return googleError(400, 'INVALID_ARGUMENT')
    const expireTime = new Date(Date.now() + this.lifetime * 1000).toISOString()
    return { status: 200, body: JSON.stringify({ accessToken: this.#issue(), expireTime }) }
  }
}

function pem(key: KeyObject): string {
  return key.export({ type: 'spki', format: 'pem' }).toString()
}

function formOf({ headers, body }: GoogleRequest): URLSearchParams | undefined {
  const isForm = headers['content-type']?.startsWith('application/x-www-form-urlencoded') === true
  return isForm ? new URLSearchParams(body) : undefined
}

export function oauthError(error: string, description = 'CANARY-description', status = 400): GoogleAnswer {
  return { status, body: JSON.stringify({ error, error_description: description }) }
}
