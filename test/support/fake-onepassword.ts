/** A 1Password Connect server on loopback, as far as reading goes: strict in what it takes, and misbehaving on demand. */
import { createHash } from 'node:crypto'
import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Test } from 'tap'
import { answer, type Backend, type Handler, startBackend } from './backend.ts'
import type { ServerCertificate } from './certificates.ts'

export interface FakeField {
  readonly id?: string
  readonly label?: string
  readonly value?: string
  readonly type?: string
  readonly purpose?: string
  /** The label of its section. */
  readonly section?: string
  readonly totp?: string
}

export interface FakeItem {
  readonly id?: string
  readonly title: string
  version?: number
  state?: 'ARCHIVED' | 'DELETED'
  fields?: readonly FakeField[]
  files?: readonly { readonly name: string; readonly content: Buffer; readonly section?: string }[]
}

export interface FakeVault {
  readonly id?: string
  name: string
  items: FakeItem[]
}

export const connectToken = 'CANARY-connect-token'

/** Ids are 26 characters, always the same for the same text. */
export function idFor(text: string): string {
  const digest = createHash('sha256').update(text).digest()
  return Array.from(
    { length: 26 },
    (_, at) => 'abcdefghijklmnopqrstuvwxyz234567'[(digest[at] ?? 0) % 32],
  ).join('')
}

export async function startConnect(
  t: Test,
  vaults: FakeVault[],
  tls?: ServerCertificate,
): Promise<FakeConnect> {
  const backend = await startBackend(t, tls === undefined ? {} : { tls })
  const connect = new FakeConnect(backend, vaults)
  t.teardown(() => {
    const [first] = connect.violations
    if (first !== undefined) throw new Error(`a Connect server would not have taken ${first}`)
  })
  return connect
}

export class FakeConnect {
  readonly backend: Backend
  readonly vaults: FakeVault[]
  /** The ids of the vaults that the token may see; undefined for all. */
  scope: Set<string> | undefined
  token = connectToken
  /** Whether titles are compared as SCIM does where nothing else is said: without regard to case. */
  ignoresCase = true
  /** What a real server would not have taken. */
  readonly violations: string[] = []
  /** Answers instead, where it gives true. */
  intercept: ((request: IncomingMessage, response: ServerResponse) => boolean) | undefined

  constructor(backend: Backend, vaults: FakeVault[]) {
    this.backend = backend
    this.vaults = vaults
    backend.handler = (request, response) => {
      if (this.intercept?.(request, response) === true) return
      this.#answer(request)(request, response)
    }
  }

  get url(): string {
    return this.backend.origin
  }

  /** Paths and queries as they came, decoded for reading. */
  get asked(): string[] {
    return this.backend.requests.map(({ path }) => decodeURIComponent(path))
  }

  forgetRequests(): void {
    this.backend.requests.length = 0
  }

  #answer(request: IncomingMessage): Handler {
    const { method, headers } = request
    const url = new URL(request.url ?? '', this.url)
    if (method !== 'GET') return this.#violation(`${method} of ${url.pathname}`)
    if (headers['accept-encoding'] !== 'identity') return this.#violation('an answer may be compressed')
    if (headers.authorization !== `Bearer ${this.token}`) return error(401, 'Invalid token signature')
    const [root, version, ...steps] = url.pathname.split('/')
    if (root !== '' || version !== 'v1' || steps[0] !== 'vaults') return this.#violation(url.pathname)
    const [, vaultId, items, itemId, files, fileId, content, ...more] = steps
    if (more.length > 0 || steps.includes('')) return this.#violation(url.pathname)
    for (const id of [vaultId, itemId, fileId]) {
      if (id !== undefined && !/^[a-z0-9]{26}$/.test(id)) return this.#violation(`the id ${id}`)
    }
    const filtered = this.#filter(url, vaultId === undefined ? 'name' : 'title')
    if (typeof filtered === 'string') return this.#violation(filtered)
    if (vaultId === undefined) {
      const visible = this.vaults.filter((vault) => this.#sees(vault) && filtered(vault.name))
      return json(visible.map((vault) => ({ id: idOfVault(vault), name: vault.name, contentVersion: 1 })))
    }
    const vault = this.vaults.find((one) => idOfVault(one) === vaultId)
    if (vault === undefined) return error(404, `vault ${vaultId} not found`)
    if (!this.#sees(vault)) return error(403, `vault ${vaultId} is not in scope`)
    if (items === undefined) return json({ id: vaultId, name: vault.name })
    if (items !== 'items') return this.#violation(url.pathname)
    if (itemId === undefined) {
      const listed = vault.items.filter((item) => item.state === undefined && filtered(item.title))
      return json(listed.map((item) => summary(vault, item)))
    }
    const item = vault.items.find((one) => idOfItem(vault, one) === itemId)
    if (item === undefined) return error(404, `item ${itemId} not found`)
    if (files === undefined) return json(detail(vault, item))
    const file = item.files?.find(({ name }) => idFor(`${itemId}/${name}`) === fileId)
    if (files !== 'files' || content !== 'content') return this.#violation(url.pathname)
    if (file === undefined) return error(404, `file ${fileId} not found`)
    return answer(200, file.content, { 'content-type': 'application/octet-stream' })
  }

  /** Whether a name passes the filter; a text for a filter that is none. */
  #filter(url: URL, by: string): string | ((name: string) => boolean) {
    const [first, ...more] = [...url.searchParams]
    if (first === undefined) return () => true
    const [name, value] = first
    if (name !== 'filter' || more.length > 0) return `the query ${url.search}`
    const quoted = new RegExp(`^${by} eq "([^"\\\\]*)"$`).exec(value)?.[1]
    if (quoted === undefined) return `the filter ${value}`
    const same = (text: string): string => (this.ignoresCase ? text.toLowerCase() : text)
    return (text) => same(text) === same(quoted)
  }

  #sees(vault: FakeVault): boolean {
    return this.scope === undefined || this.scope.has(idOfVault(vault))
  }

  #violation(what: string): Handler {
    this.violations.push(what)
    return error(400, `CANARY-${what}`)
  }
}

export function idOfVault({ id, name }: FakeVault): string {
  return id ?? idFor(`vault ${name}`)
}

export function idOfItem(vault: FakeVault, { id, title }: FakeItem): string {
  return id ?? idFor(`item ${idOfVault(vault)} ${title}`)
}

function summary(vault: FakeVault, item: FakeItem): object {
  const { title, version = 1, state } = item
  return {
    id: idOfItem(vault, item),
    title,
    vault: { id: idOfVault(vault) },
    category: 'LOGIN',
    version,
    ...(state !== undefined && { state }),
    createdAt: '2026-01-01T00:00:00Z',
  }
}

function detail(vault: FakeVault, item: FakeItem): object {
  const { fields = [], files = [] } = item
  const labels = new Set(
    [...fields, ...files].flatMap(({ section }) => (section === undefined ? [] : [section])),
  )
  const within = (section: string | undefined): object =>
    section === undefined ? {} : { section: { id: idFor(`section ${section}`) } }
  return {
    ...summary(vault, item),
    sections: [...labels].map((label) => ({ id: idFor(`section ${label}`), label })),
    fields: fields.map(({ section, id, type = 'CONCEALED', purpose = '', ...field }) => ({
      id: id ?? idFor(`field ${section ?? ''} ${field.label ?? ''}`),
      type,
      purpose,
      ...field,
      ...within(section),
    })),
    files: files.map(({ name, content, section }) => ({
      id: idFor(`${idOfItem(vault, item)}/${name}`),
      name,
      size: content.length,
      ...within(section),
    })),
  }
}

function json(body: object): Handler {
  return answer(200, JSON.stringify(body))
}

function error(status: number, message: string): Handler {
  return answer(status, JSON.stringify({ status, message: `${message} CANARY-error` }))
}
