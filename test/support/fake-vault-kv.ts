import { envelope, type FakeAnswer, type FakeRequest, failed, nothing } from './fake-vault-answer.ts'

interface Version {
  readonly data: Record<string, unknown>
  readonly createdTime: string
  deletionTime: string
  destroyed: boolean
}

/** A KV engine of either version. */
export class FakeKv {
  version: 1 | 2
  /** Seconds that KV 1 advises. */
  advised = 2_764_800
  #writes = 0
  readonly #secrets = new Map<string, Version[]>()

  constructor(version: 1 | 2) {
    this.version = version
  }

  /** Writes another version. */
  put(path: string, data: Record<string, unknown>): this {
    const versions = this.#secrets.get(path) ?? []
    // Each write has a time of its own.
    const createdTime = new Date(Date.UTC(2025, 0, 1) + 1000 * this.#writes++).toISOString()
    this.#secrets.set(path, [...versions, { data, createdTime, deletionTime: '', destroyed: false }])
    return this
  }

  delete(path: string, version: number): void {
    this.#version(path, version).deletionTime = '2026-01-01T00:00:00.000000000Z'
  }

  destroy(path: string, version: number): void {
    this.#version(path, version).destroyed = true
  }

  remove(path: string): void {
    this.#secrets.delete(path)
  }

  /** What follows the mount. */
  answer(request: FakeRequest, path: string): FakeAnswer {
    if (this.version === 1) {
      if (request.method === 'LIST') return this.#list(path)
      if (request.method !== 'GET') return failed(405, 'unsupported operation')
      const data = this.#secrets.get(path)?.at(-1)?.data
      return data === undefined ? nothing : envelope({ data: data, lease_duration: this.advised })
    }
    const [, kind, rest = ''] = /^(data|metadata)\/(.*)$/s.exec(path) ?? []
    if (kind === 'metadata' && request.method === 'LIST') return this.#list(rest)
    if (request.method !== 'GET') return failed(405, 'unsupported operation')
    if (kind === 'data') return this.#data(rest, request.query.get('version'))
    if (kind === 'metadata') return this.#metadata(rest)
    // As Vault tells whoever takes it for version 1.
    return {
      status: 404,
      body: { errors: [], warnings: ['Invalid path for a versioned K/V secrets engine.'] },
    }
  }

  #data(path: string, wanted: string | null): FakeAnswer {
    const versions = this.#secrets.get(path)
    const number = wanted === null ? (versions?.length ?? 0) : Number(wanted)
    const version = versions?.[number - 1]
    if (version === undefined) return nothing
    const metadata = {
      version: number,
      created_time: version.createdTime,
      deletion_time: version.deletionTime,
      destroyed: version.destroyed,
      custom_metadata: null,
    }
    const isGone = version.destroyed || version.deletionTime !== ''
    const data = { data: isGone ? null : version.data, metadata }
    return { ...envelope({ data }), status: isGone ? 404 : 200 }
  }

  #metadata(path: string): FakeAnswer {
    const versions = this.#secrets.get(path)
    if (versions === undefined) return nothing
    const entries = versions.map(({ createdTime, deletionTime, destroyed }, index) => [
      String(index + 1),
      { created_time: createdTime, deletion_time: deletionTime, destroyed },
    ])
    const data = { current_version: versions.length, versions: Object.fromEntries(entries) }
    return envelope({ data })
  }

  #list(folder: string): FakeAnswer {
    const below = [...this.#secrets.keys()]
      .filter((path) => path.startsWith(folder))
      .map((path) => /^[^/]*\/?/.exec(path.slice(folder.length))?.[0] ?? '')
    const keys = [...new Set(below)].sort()
    return keys.length === 0 ? nothing : envelope({ data: { keys } })
  }

  #version(path: string, number: number): Version {
    const version = this.#secrets.get(path)?.[number - 1]
    if (version === undefined) throw new Error(`there is no version ${number} of ${path}`)
    return version
  }
}
