/** The endpoint of a managed identity on loopback: the metadata service of a virtual machine, or of App Service. */
import type { Test } from 'tap'
import { answer, type Backend, type Handler, startBackend } from './backend.ts'

export type MetadataKind = 'virtual machine' | 'app service'

export const identityHeader = 'CANARY-identity-header'

export async function startMetadata(t: Test, kind: MetadataKind): Promise<FakeMetadata> {
  return new FakeMetadata(await startBackend(t), kind)
}

export class FakeMetadata {
  readonly backend: Backend
  readonly #kind: MetadataKind
  /** The tokens that were given out, with what they are for. */
  readonly issued = new Map<string, { readonly resource: string; readonly identity: string }>()
  /** The identities that the machine has; `system` is the one that has no id. */
  readonly identities = new Set(['system'])
  fault: Handler | undefined

  constructor(backend: Backend, kind: MetadataKind) {
    this.backend = backend
    this.#kind = kind
    backend.handler = (request, response) => (this.fault ?? this.#answer(request))(request, response)
  }

  get origin(): string {
    return this.backend.origin
  }

  #answer({ method, url: path = '', headers }: Parameters<Handler>[0]): Handler {
    const url = new URL(path, this.origin)
    const isMachine = this.#kind === 'virtual machine'
    // The identity library adds a slash to an address that it takes from the environment.
    const isAllowed = isMachine
      ? url.pathname.replace(/\/$/, '') === '/metadata/identity/oauth2/token' && headers.metadata === 'true'
      : url.pathname === '/msi/token' && headers['x-identity-header'] === identityHeader
    const version = isMachine ? '2018-02-01' : '2019-08-01'
    const { searchParams: query } = url
    const resource = query.get('resource')
    if (method !== 'GET' || !isAllowed || query.get('api-version') !== version || resource === null) {
      return refused(400, 'invalid_request')
    }
    const identity = query.get('client_id') ?? query.get(isMachine ? 'msi_res_id' : 'mi_res_id') ?? 'system'
    if (!this.identities.has(identity)) return refused(400, 'invalid_request')
    const token = `CANARY-machine-token-${this.issued.size + 1}`
    this.issued.set(token, { resource, identity })
    const expires_on = String(Math.floor(Date.now() / 1000) + 86_400)
    return answer(200, JSON.stringify({ access_token: token, expires_on, resource, token_type: 'Bearer' }))
  }
}

function refused(status: number, error: string): Handler {
  return answer(
    status,
    JSON.stringify({ error, error_description: 'CANARY-description: Identity not found' }),
  )
}
