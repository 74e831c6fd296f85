/** Microsoft Entra ID on loopback, as far as an application signs in there: strict, and it can refuse and misbehave. */
import { createHash, verify, X509Certificate } from 'node:crypto'
import type { IncomingMessage, ServerResponse } from 'node:http'
import { text } from 'node:stream/consumers'
import type { Test } from 'tap'
import { answer, type Backend, type Handler, startBackend } from './backend.ts'
import type { Authority } from './certificates.ts'

export const tenantId = '11111111-2222-4333-8444-555555555555'
export const clientId = '3c1d0a5e-0000-4000-8000-000000000001'

/** What proves who an application is. */
export interface Registered {
  readonly secret?: string
  /** Of the service account. */
  readonly assertion?: string
  /** PEM. */
  readonly certificate?: string
}

export interface Issued {
  readonly resource: string
}

/** Starts one over TLS with a certificate of the authority. */
export async function startEntra(t: Test, authority: Authority, application: Registered): Promise<FakeEntra> {
  const backend = await startBackend(t, { tls: authority.issue() })
  return new FakeEntra(backend, application)
}

export class FakeEntra {
  readonly backend: Backend
  application: Registered
  /** The tokens that were given out, with what they are for. */
  readonly issued = new Map<string, Issued>()
  /** Seconds. */
  expiresIn = 3600
  /** Answers each request for a token in place of the protocol, where it is set. */
  fault: Handler | undefined

  constructor(backend: Backend, application: Registered) {
    this.backend = backend
    this.application = application
    backend.handler = (request, response) => void this.#handle(request, response)
  }

  get origin(): string {
    return this.backend.origin
  }

  /** How many tokens were asked for. */
  get signIns(): number {
    return this.backend.requests.filter(({ method }) => method === 'POST').length
  }

  async #handle(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const url = new URL(request.url ?? '', this.origin)
    if (request.method === 'GET' && url.pathname === `/${tenantId}/v2.0/.well-known/openid-configuration`) {
      const base = `${this.origin}/${tenantId}`
      const metadata = {
        token_endpoint: `${base}/oauth2/v2.0/token`,
        authorization_endpoint: `${base}/oauth2/v2.0/authorize`,
        issuer: `${base}/v2.0`,
        jwks_uri: `${base}/discovery/v2.0/keys`,
      }
      answer(200, JSON.stringify(metadata))(request, response)
      return
    }
    if (request.method !== 'POST' || url.pathname !== `/${tenantId}/oauth2/v2.0/token`) {
      refusal(404, 90002)(request, response)
      return
    }
    const form = new URLSearchParams(await text(request))
    if (this.fault !== undefined) this.fault(request, response)
    else this.#token(request, form)(request, response)
  }

  #token(request: IncomingMessage, form: URLSearchParams): Handler {
    const type = request.headers['content-type'] ?? ''
    const isForm = type.startsWith('application/x-www-form-urlencoded')
    const resource = /^(https:\/\/[^/]+)\/\.default$/.exec(form.get('scope') ?? '')?.[1]
    if (!isForm || form.get('grant_type') !== 'client_credentials' || resource === undefined) {
      return refusal(400, 900144)
    }
    if (form.get('client_id') !== clientId) return refusal(400, 700016)
    const wrong = this.#wrong(form)
    if (wrong !== undefined) return refusal(401, wrong)
    const token = `CANARY-token-${this.issued.size + 1}`
    this.issued.set(token, { resource })
    return answer(
      200,
      JSON.stringify({
        token_type: 'Bearer',
        expires_in: this.expiresIn,
        ext_expires_in: this.expiresIn,
        access_token: token,
      }),
    )
  }

  /** The number of what is wrong with the proof. */
  #wrong(form: URLSearchParams): number | undefined {
    const { secret, assertion, certificate } = this.application
    if (secret !== undefined) return form.get('client_secret') === secret ? undefined : 7000215
    if (form.get('client_assertion_type') !== 'urn:ietf:params:oauth:client-assertion-type:jwt-bearer') {
      return 7000218
    }
    const given = form.get('client_assertion') ?? ''
    if (assertion !== undefined) return given === assertion ? undefined : 700213
    return certificate !== undefined && this.#isSigned(given, certificate) ? undefined : 700027
  }

  /** A JWT that the certificate's key has signed for this endpoint (RFC 7523, section 3). */
  #isSigned(jwt: string, certificate: string): boolean {
    const [head = '', claims = '', signature = ''] = jwt.split('.')
    const leaf = new X509Certificate(certificate)
    const { alg, 'x5t#S256': thumbprint } = decoded(head)
    const { aud, iss, sub } = decoded(claims)
    const digest = createHash('sha256').update(leaf.raw).digest('base64url')
    if (alg !== 'PS256' || String(thumbprint).replace(/=+$/, '') !== digest) return false
    if (iss !== clientId || sub !== clientId || aud !== `${this.origin}/${tenantId}/oauth2/v2.0/token`)
      return false
    const key = { key: leaf.publicKey, padding: 6, saltLength: 32 }
    return verify('sha256', Buffer.from(`${head}.${claims}`), key, Buffer.from(signature, 'base64url'))
  }
}

/** As it refuses: with words that quote what came, which nobody may see. */
export function refusal(status: number, code: number, headers: Record<string, string> = {}): Handler {
  const body = {
    error: 'invalid_client',
    error_description: `AADSTS${code}: CANARY-description. Trace ID: CANARY-trace`,
    error_codes: [code],
    correlation_id: 'CANARY-correlation',
  }
  return answer(status, JSON.stringify(body), { 'content-type': 'application/json', ...headers })
}

function decoded(part: string): Record<string, unknown> {
  return JSON.parse(Buffer.from(part, 'base64url').toString('utf8')) as Record<string, unknown>
}
