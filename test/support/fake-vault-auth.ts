import { randomBytes } from 'node:crypto'
import { envelope, type FakeAnswer, type FakeRequest, failed, refused } from './fake-vault-answer.ts'
import type { FakeToken, FakeTokens, TokenSpec } from './fake-vault-tokens.ts'

/** What a login of a fake Vault is about: what is sent, and the token that it gives. */
export interface FakeRole extends TokenSpec {
  readonly method: 'approle' | 'kubernetes' | 'jwt' | 'cert'
  /** Of AppRole the role id; of the others the role's name. */
  readonly name: string
  /** The secret ids, or JSON Web Tokens, that it takes, each as often as is said. */
  readonly takes?: Map<string, number>
  /** What is said of a JSON Web Token that it does not take. */
  readonly says?: string
}

interface Wrapped {
  readonly creationPath: string
  readonly data: Record<string, unknown>
}

/** The auth methods of a fake Vault, by where they are mounted, and its wrapping tokens. */
export class FakeAuth {
  readonly roles = new Map<string, FakeRole>()
  readonly #tokens: FakeTokens
  readonly #wrapped = new Map<string, Wrapped>()

  constructor(tokens: FakeTokens) {
    this.#tokens = tokens
  }

  /** A wrapping token for `data`. */
  wrap(creationPath: string, data: Record<string, unknown>): string {
    const token = `CANARY-wrapping-${randomBytes(8).toString('hex')}`
    this.#wrapped.set(token, { creationPath, data })
    return token
  }

  /** As somebody else does. */
  unwrap(token: string): void {
    this.#wrapped.delete(token)
  }

  login(mount: string, { method, body, hasCertificate }: FakeRequest): FakeAnswer {
    const role = this.roles.get(mount)
    if (role === undefined) return refused
    if (method !== 'POST' && method !== 'PUT') return failed(405, 'unsupported operation')
    const problem = problemOf(role, body, hasCertificate)
    return problem ?? this.#granted(this.#tokens.make(role))
  }

  wrapping({ method, path, body, tokenText }: FakeRequest): FakeAnswer {
    if (method !== 'POST' && method !== 'PUT') return failed(405, 'unsupported operation')
    const inBody = body.token
    if (inBody !== undefined && tokenText !== undefined) return failed(400, 'wrapping token is given twice')
    const token = inBody ?? tokenText
    const wrapped = typeof token === 'string' ? this.#wrapped.get(token) : undefined
    if (wrapped === undefined || typeof token !== 'string') {
      return failed(400, 'wrapping token is not valid or does not exist')
    }
    if (path === 'sys/wrapping/lookup') {
      return envelope({ data: { creation_path: wrapped.creationPath, creation_ttl: 120 } })
    }
    this.#wrapped.delete(token)
    return envelope({ data: wrapped.data })
  }

  #granted(token: FakeToken): FakeAnswer {
    return envelope({
      auth: {
        client_token: token.id,
        accessor: 'CANARY-accessor',
        policies: ['default'],
        token_policies: ['default'],
        metadata: null,
        lease_duration: token.ttl,
        renewable: token.renewable,
        entity_id: '',
        token_type: token.isBatch ? 'batch' : 'service',
        orphan: true,
      },
    })
  }
}

function problemOf(
  role: FakeRole,
  body: Record<string, unknown>,
  hasCertificate: boolean,
): FakeAnswer | undefined {
  const expected = {
    approle: ['role_id', 'secret_id'],
    kubernetes: ['role', 'jwt'],
    jwt: ['role', 'jwt'],
    cert: ['name'],
  }
  const strange = Object.keys(body).filter((name) => !expected[role.method].includes(name))
  if (strange.length > 0) return failed(400, `unknown field ${strange.join()}`)
  if (role.method === 'cert') {
    if (!hasCertificate) return failed(400, 'invalid certificate or no client certificate supplied')
    return body.name === undefined || body.name === role.name ? undefined : failed(400, 'no chain matching')
  }
  const [nameField = '', secretField = ''] = expected[role.method]
  const [name, secret] = [body[nameField], body[secretField]]
  if (name !== role.name) {
    return failed(
      400,
      role.method === 'approle' ? 'invalid role or secret ID' : `role "${name}" could not be found`,
    )
  }
  const uses = typeof secret === 'string' ? (role.takes?.get(secret) ?? 0) : 0
  if (uses < 1 || typeof secret !== 'string') {
    if (role.method === 'kubernetes') return refused
    return failed(400, role.says ?? 'invalid role or secret ID')
  }
  role.takes?.set(secret, uses - 1)
  return undefined
}
