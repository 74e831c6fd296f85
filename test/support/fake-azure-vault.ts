/** Azure Key Vault's REST API on loopback (7.5), as far as secrets are read: strict, and it can misbehave. */
import type { Test } from 'tap'
import { answer, type Backend, type BackendOptions, type Handler, startBackend } from './backend.ts'
import { type FakeEntra, tenantId } from './fake-azure-entra.ts'

export interface FakeVersion {
  readonly value: string
  readonly contentType?: string
  readonly attributes?: Readonly<Record<string, unknown>>
  readonly managed?: boolean
}

export const vaultResource = 'https://vault.azure.net'

export async function startVault(
  t: Test,
  isGood: (token: string) => boolean,
  options: Pick<BackendOptions, 'tls'> = {},
): Promise<FakeVault> {
  return new FakeVault(await startBackend(t, options), isGood)
}

/** Whether Entra ID has given the token out for vaults. */
export function issuedBy(entra: FakeEntra): (token: string) => boolean {
  return (token) => entra.issued.get(token)?.resource === vaultResource
}

export class FakeVault {
  readonly backend: Backend
  /** By name, the versions, the latest last. */
  readonly secrets = new Map<string, FakeVersion[]>()
  /** Names of secrets that are deleted and can be recovered. */
  readonly deleted = new Set<string>()
  isGood: (token: string) => boolean
  /** What the challenge says. */
  challenge = `Bearer authorization="https://login.microsoftonline.com/${tenantId}", resource="${vaultResource}"`
  /** Answers whoever is signed in, in place of the protocol. */
  fault: Handler | undefined
  /** Where the next page is said to be, in place of this vault. */
  listedAt: string | undefined

  constructor(backend: Backend, isGood: (token: string) => boolean) {
    this.backend = backend
    this.isGood = isGood
    backend.handler = (request, response) => this.#answer(request)(request, response)
  }

  get origin(): string {
    return this.backend.origin
  }

  /** Paths of the requests that were made with a token. */
  get asked(): string[] {
    return this.backend.requests
      .filter(({ headers }) => headers.authorization !== undefined)
      .map(({ path }) => path)
  }

  set(name: string, version: FakeVersion | string): void {
    const added = typeof version === 'string' ? { value: version } : version
    this.secrets.set(name, [...(this.secrets.get(name) ?? []), added])
  }

  #answer({ method, url: path = '', headers }: Parameters<Handler>[0]): Handler {
    const url = new URL(path, this.origin)
    const token = /^Bearer ([!-~]+)$/.exec(headers.authorization ?? '')?.[1]
    if (method !== 'GET' || url.searchParams.get('api-version') !== '7.5') return failure(400, 'BadParameter')
    if (headers['accept-encoding'] !== 'identity') return failure(400, 'BadParameter')
    if (token === undefined || !this.isGood(token)) {
      return failure(401, 'Unauthorized', 'AKV10000', { 'www-authenticate': this.challenge })
    }
    if (this.fault !== undefined) return this.fault
    const [, kind, name, version, ...more] = url.pathname.split('/')
    if (kind !== 'secrets' || more.length > 0) return failure(404, 'NotFound')
    return name === undefined || name === '' ? this.#list(url) : this.#secret(name, version)
  }

  #secret(name: string, version: string | undefined): Handler {
    if (!/^[0-9a-zA-Z-]{1,127}$/.test(name)) return failure(400, 'BadParameter')
    const versions = this.secrets.get(name) ?? []
    const at = version === undefined ? versions.length - 1 : Number.parseInt(version, 16) - 1
    const found = versions[at]
    if (this.deleted.has(name) || found === undefined) return failure(404, 'SecretNotFound')
    if (found.attributes?.enabled === false) return failure(403, 'Forbidden', '', {}, 'SecretDisabled')
    const { value, contentType, managed } = found
    const bundle = {
      value,
      ...(contentType !== undefined && { contentType }),
      id: `https://my-vault.vault.azure.net/secrets/${name}/${versionId(at)}`,
      attributes: attributesOf(found),
      ...(managed === true && {
        managed,
        kid: `https://my-vault.vault.azure.net/keys/${name}/${versionId(at)}`,
      }),
      tags: {},
    }
    return answer(200, JSON.stringify(bundle))
  }

  #list(url: URL): Handler {
    const most = Number(url.searchParams.get('maxresults'))
    if (!(most >= 1 && most <= 25)) return failure(400, 'BadParameter')
    const start = Number(url.searchParams.get('$skiptoken') ?? 0)
    const all = [...this.secrets]
    const value = all.slice(start, start + most).map(([name, versions]) => {
      const latest = versions.at(-1)
      return {
        id: `https://my-vault.vault.azure.net/secrets/${name}`,
        ...(latest?.contentType !== undefined && { contentType: latest.contentType }),
        attributes: attributesOf(latest),
        ...(latest?.managed === true && { managed: true }),
      }
    })
    const next = start + most
    const base = this.listedAt ?? `${this.origin}/secrets`
    const nextLink =
      next < all.length ? `${base}?api-version=7.5&$skiptoken=${next}&maxresults=${most}` : null
    return answer(200, JSON.stringify({ value, nextLink }))
  }
}

/** The id of the version at a place: 32 hexadecimal digits. */
export function versionId(at: number): string {
  return (at + 1).toString(16).padStart(32, '0')
}

/** An error as the vault writes it; what it says quotes things that nobody may see. */
export function failure(
  status: number,
  code: string,
  message = '',
  headers: Record<string, string> = {},
  inner?: string,
): Handler {
  const error = {
    code,
    message: `${message} CANARY-message`,
    ...(inner !== undefined && { innererror: { code: inner } }),
  }
  return answer(status, JSON.stringify({ error }), { 'content-type': 'application/json', ...headers })
}

function attributesOf(version: FakeVersion | undefined): Record<string, unknown> {
  return { enabled: true, created: 1_700_000_000, updated: 1_700_000_000, ...version?.attributes }
}
