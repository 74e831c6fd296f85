import { ProviderError } from '../../secrets/provider.ts'
import { isJsonObject, parseJson } from '../shared/json.ts'
import { Malformed } from '../shared/malformed.ts'
import { type Cluster, Gone } from './cluster.ts'
import { versionOf } from './metadata.ts'

export interface ListOptions<T> {
  /** What the list is narrowed to, as it stands behind `?`. */
  readonly query: Readonly<Record<string, string>>
  readonly selector?: string | undefined
  readonly name?: string | undefined
  readonly withData: boolean
  /** Bytes of all pages together. */
  readonly maxBody: number
  readonly maxSecrets: number
  /** What is made of an item. It may not refer to the bytes of the page. Throws `Malformed`. */
  readonly item: (object: Record<string, unknown>) => T
}

export interface Listed<T> {
  readonly items: readonly T[]
  /** The state that the list tells of: a watch goes on from there without a gap. */
  readonly version: string
}

/** Items of one page: as many as kubectl asks for. */
const pageSize = 500

/** A list whose pages expire while they are read, so often in a row, is read too slowly ever to be complete. */
const attempts = 3

/**
 * A list of one moment, page by page (kubernetes.io, "Retrieving large results sets in chunks"). Where the server no longer
 * knows that moment, the list begins anew. Rejects with a ProviderError.
 */
export async function listAll<T>(
  cluster: Cluster,
  options: ListOptions<T>,
  signal: AbortSignal,
): Promise<Listed<T>> {
  for (let attempt = 1; ; attempt++) {
    try {
      return await new Listing(cluster, options).read(signal)
    } catch (error) {
      if (!(error instanceof Gone)) throw error
      if (attempt === attempts) {
        throw new ProviderError(
          'unavailable',
          'status',
          `provider "${cluster.name}": the list expired at the API server before its last page was read. Narrow selector.`,
        )
      }
    }
  }
}

interface Page {
  readonly version: string
  /** Empty on the last page. */
  readonly next: string
}

class Listing<T> {
  readonly #cluster: Cluster
  readonly #options: ListOptions<T>
  readonly #items: T[] = []
  #size = 0
  #pages = 0

  constructor(cluster: Cluster, options: ListOptions<T>) {
    this.#cluster = cluster
    this.#options = options
  }

  async read(signal: AbortSignal): Promise<Listed<T>> {
    const { query, selector, name, withData } = this.#options
    let next = ''
    let version: string | undefined
    do {
      const page: Page = await this.#cluster.ask(
        {
          verb: 'list',
          selector,
          name,
          withData,
          query: { ...query, limit: String(pageSize), ...(next !== '' && { continue: next }) },
        },
        (body) => this.#page(body),
        signal,
      )
      // A page of another moment may lack what moved between the pages.
      if (version !== undefined && page.version !== version) throw new Gone()
      version = page.version
      next = page.next
    } while (next !== '')
    return { items: this.#items, version }
  }

  #page(body: Buffer): Page {
    const { maxBody, maxSecrets, item } = this.#options
    this.#size += body.length
    if (this.#size > maxBody) {
      const words = `its pages are together larger than ${maxBody} bytes. Narrow selector, or raise maxBody`
      throw new Malformed(words, 'oversized')
    }
    const json = parseJson(body)
    if (!isJsonObject(json) || typeof json.kind !== 'string' || !json.kind.endsWith('List')) {
      throw new Malformed('it is no list')
    }
    const { items = [], metadata } = json
    const list = items ?? []
    if (!Array.isArray(list)) throw new Malformed('its items are no list')
    if (this.#items.length + list.length > maxSecrets) {
      const words = `it holds more than ${maxSecrets} Secrets. Narrow selector, or raise maxSecrets`
      throw new Malformed(words, 'oversized')
    }
    for (const object of list) {
      if (!isJsonObject(object)) throw new Malformed('it has an item that is no object')
      this.#items.push(item(object))
    }
    const next = isJsonObject(metadata) ? (metadata.continue ?? '') : ''
    if (typeof next !== 'string' || next.length > 8192) throw new Malformed('it does not say how it goes on')
    // Pages without an end, each with next to nothing on it, would never reach the other limits.
    if (next !== '' && ++this.#pages > 10 + maxSecrets / 10)
      throw new Malformed('it has too many pages', 'oversized')
    return { version: versionOf(metadata), next }
  }
}
