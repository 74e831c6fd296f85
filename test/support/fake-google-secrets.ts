import { type GoogleAnswer, type GoogleRequest, googleError } from './fake-google.ts'

export type VersionState = 'ENABLED' | 'DISABLED' | 'DESTROYED'

interface Version {
  readonly value: Buffer
  state: VersionState
}

interface StoredSecret {
  readonly versions: Version[]
  readonly aliases: Map<string, number>
  readonly labels: Readonly<Record<string, string>>
}

/** The project that a request may be for. */
export interface Project {
  readonly id: string
  readonly number: string
}

/**
 * Secret Manager: `versions.access` and `secrets.list`, and nothing else, for one project. The names in its answers have
 * the number of the project, whatever was asked for, as those of the real one.
 */
export class FakeGoogleSecrets {
  readonly #project: Project
  readonly #location: string | undefined
  readonly #accepts: (token: string) => boolean
  readonly #secrets = new Map<string, StoredSecret>()
  /** Permissions that the account lacks, as `PERMISSION` or `PERMISSION SECRET`. */
  readonly withheld = new Set<string>()
  /** How many secrets a page has, whatever is asked for. */
  largestPage = 25_000
  /** Adds to each checksum, as a damaged value would. */
  damage = 0

  constructor(project: Project, location: string | undefined, accepts: (token: string) => boolean) {
    this.#project = project
    this.#location = location
    this.#accepts = accepts
  }

  /** Adds a version, and the secret where it is new. Returns the number of the version. */
  add(id: string, value: string | Buffer, labels: Readonly<Record<string, string>> = {}): number {
    if (!/^[A-Za-z0-9_-]{1,255}$/.test(id)) throw new Error(`no secret can be called ${id}`)
    const secret: StoredSecret = this.#secrets.get(id) ?? { versions: [], aliases: new Map(), labels }
    this.#secrets.set(id, secret)
    secret.versions.push({ value: Buffer.from(value), state: 'ENABLED' })
    return secret.versions.length
  }

  addWithoutVersion(id: string): void {
    this.#secrets.set(id, { versions: [], aliases: new Map(), labels: {} })
  }

  alias(id: string, alias: string, version: number): void {
    this.#secrets.get(id)?.aliases.set(alias, version)
  }

  setState(id: string, version: number, state: VersionState): void {
    const found = this.#secrets.get(id)?.versions[version - 1]
    if (found === undefined) throw new Error('there is no such version')
    found.state = state
  }

  delete(id: string): void {
    this.#secrets.delete(id)
  }

  answer(request: GoogleRequest): GoogleAnswer | undefined {
    const { url, method, headers } = request
    const parts =
      /^\/v1\/projects\/([^/]+)(?:\/locations\/([^/]+))?\/secrets(?:\/([^/]+)\/versions\/([^/:]+):access)?$/.exec(
        url.pathname,
      )
    if (parts === null) return undefined
    if (method !== 'GET') return googleError(404, 'NOT_FOUND')
    const token = /^Bearer (.+)$/.exec(headers.authorization ?? '')?.[1]
    if (token === undefined) return googleError(401, 'UNAUTHENTICATED', { reason: 'CREDENTIALS_MISSING' })
    if (!this.#accepts(token)) return googleError(401, 'UNAUTHENTICATED', { reason: 'ACCESS_TOKEN_EXPIRED' })
    const [, project, location, id, version] = parts
    if (location !== this.#location) return googleError(400, 'INVALID_ARGUMENT')
    const permission = id === undefined ? 'secretmanager.secrets.list' : 'secretmanager.versions.access'
    const isOurs = project === this.#project.id || project === this.#project.number
    if (!isOurs || this.withheld.has(permission) || this.withheld.has(`${permission} ${id}`)) {
      return googleError(403, 'PERMISSION_DENIED', { reason: 'IAM_PERMISSION_DENIED' })
    }
    if (id === undefined) return this.#list(url.searchParams)
    return url.search === '' ? this.#access(id, version ?? '') : googleError(400, 'INVALID_ARGUMENT')
  }

  #access(id: string, asked: string): GoogleAnswer {
    const secret = this.#secrets.get(id)
    if (secret === undefined || (secret.versions.length === 0 && asked === 'latest')) {
      const message = `Secret [${this.#parent}/secrets/${id}] not found or has no versions.`
      return googleError(404, 'NOT_FOUND', { message })
    }
    const number =
      asked === 'latest' ? secret.versions.length : (secret.aliases.get(asked) ?? Number.parseInt(asked, 10))
    const version = secret.versions[number - 1]
    if (version === undefined) {
      const message = `Secret Version [${this.#parent}/secrets/${id}/versions/${asked}] not found.`
      return googleError(404, 'NOT_FOUND', { message })
    }
    const name = `${this.#parent}/secrets/${id}/versions/${number}`
    if (version.state !== 'ENABLED') {
      const message = `Secret Version [CANARY-${name}] is in ${version.state} state.`
      return googleError(400, 'FAILED_PRECONDITION', { message })
    }
    const payload = {
      data: version.value.toString('base64'),
      dataCrc32c: String(slowCrc32c(version.value) + this.damage),
    }
    return { status: 200, body: JSON.stringify({ name, payload }) }
  }

  #list(query: URLSearchParams): GoogleAnswer {
    const known = new Set(['pageSize', 'pageToken', 'filter', 'fields'])
    const size = Number(query.get('pageSize') ?? 25_000)
    if ([...query.keys()].some((name) => !known.has(name)) || !(size >= 1)) {
      return googleError(400, 'INVALID_ARGUMENT')
    }
    const passes = filterOf(query.get('filter') ?? '')
    const start = Number(
      /^CANARY-page-(\d+)$/.exec(query.get('pageToken') ?? 'CANARY-page-0')?.[1] ?? Number.NaN,
    )
    if (passes === undefined || Number.isNaN(start)) return googleError(400, 'INVALID_ARGUMENT')
    const end = start + Math.min(size, this.largestPage)
    const all = [...this.#secrets].filter(([id, secret]) => passes(id, secret.labels))
    const inFull = query.get('fields') !== 'secrets.name,nextPageToken'
    const secrets = all.slice(start, end).map(([id, { labels }]) => ({
      name: `${this.#parent}/secrets/${id}`,
      ...(inFull && { labels, createTime: '2026-01-01T00:00:00Z', replication: { automatic: {} } }),
    }))
    // ProtoJSON leaves out what is empty.
    const body = {
      ...(secrets.length > 0 && { secrets }),
      ...(end < all.length && { nextPageToken: `CANARY-page-${end}` }),
    }
    return { status: 200, body: JSON.stringify(body) }
  }

  get #parent(): string {
    const { number } = this.#project
    return this.#location === undefined
      ? `projects/${number}`
      : `projects/${number}/locations/${this.#location}`
  }
}

type Passes = (id: string, labels: Readonly<Record<string, string>>) => boolean

/** The part of AIP-160 that is used here; undefined for anything else. `OR` binds tighter than `AND`. */
function filterOf(filter: string): Passes | undefined {
  if (filter === '') return () => true
  const groups = filter.split(' AND ').map((group) =>
    group
      .replace(/^\((.*)\)$/, '$1')
      .split(' OR ')
      .map(termOf),
  )
  if (groups.flat().includes(undefined)) return undefined
  return (id, labels) => groups.every((group) => group.some((term) => term?.(id, labels) === true))
}

function termOf(term: string): Passes | undefined {
  const name = /^name:([A-Za-z][\w-]*)$/.exec(term)?.[1]
  if (name !== undefined) return (id) => id.toLowerCase().includes(name.toLowerCase())
  const [, label, value] = /^labels\.([a-z][\w-]*)=([\w-]+)$/.exec(term) ?? []
  return label === undefined ? undefined : (_id, labels) => labels[label] === value
}

/** Bit by bit, after RFC 3720, appendix B.4, and so unlike what it tests. */
function slowCrc32c(bytes: Buffer): number {
  let crc = 0xffffffffn
  for (const byte of bytes) {
    crc ^= BigInt(byte)
    for (let bit = 0; bit < 8; bit++) crc = (crc & 1n) === 1n ? (crc >> 1n) ^ 0x82f63b78n : crc >> 1n
  }
  return Number(crc ^ 0xffffffffn)
}
