import type { Socket } from 'node:net'
import type { FakeToken } from './fake-vault-tokens.ts'

/** A request as the parts of a fake Vault see it. */
export interface FakeRequest {
  readonly method: 'GET' | 'LIST' | 'POST' | 'PUT'
  /** Decoded, without `/v1/`. */
  readonly path: string
  readonly query: URLSearchParams
  readonly body: Record<string, unknown>
  /** Undefined where none that is alive was sent. */
  readonly token: FakeToken | undefined
  /** As it was sent. */
  readonly tokenText: string | undefined
  /** Whether the connection showed a client certificate that the server trusts. */
  readonly hasCertificate: boolean
  readonly socket: Socket
}

export interface FakeAnswer {
  readonly status: number
  readonly body?: unknown
  readonly headers?: Record<string, string>
}

/** Vault's envelope; what is left out is as Vault leaves it. */
export function envelope(parts: Record<string, unknown>): FakeAnswer {
  const body = {
    request_id: '6e1a2f9d-0000-0000-0000-000000000000',
    lease_id: '',
    renewable: false,
    lease_duration: 0,
    data: null,
    wrap_info: null,
    warnings: null,
    auth: null,
    ...parts,
  }
  return { status: 200, body }
}

/** Vault's errors. Each carries a marker: what the server says is shown nowhere. */
export function failed(status: number, ...errors: string[]): FakeAnswer {
  return { status, body: { errors: errors.map((text) => `${text} CANARY-said-by-vault`) } }
}

/** A path at which nothing is. */
export const nothing: FakeAnswer = { status: 404, body: { errors: [] } }

/** As Vault answers whoever has no right, and whoever has no token that is alive. */
export const refused: FakeAnswer = failed(403, '1 error occurred:\n\t* permission denied\n\n')
