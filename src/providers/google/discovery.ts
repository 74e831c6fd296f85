import { ProviderError } from '../../secrets/provider.ts'
import type { Client } from './client.ts'
import { type Pattern, parentName, parsePattern } from './key.ts'
import { filterFor, listQuery, type Page, pageIn } from './list.ts'
import type { Places } from './places.ts'

export interface DiscoveryOptions {
  /** The provider's name in the configuration. */
  readonly name: string
  readonly client: Client
  readonly maxSecrets: number
  /** What else a secret has to be. */
  readonly filter: string | undefined
  readonly places: Places
}

/** Pages of one list: a filter that little passes makes empty ones, and there must be an end to them. */
const mostPages = 1_000

/** The keys that there are, of those that patterns cover. */
export class Discovery {
  readonly #options: DiscoveryOptions

  constructor(options: DiscoveryOptions) {
    this.#options = options
  }

  /** As `Provider.listKeys`. Patterns with the `*` outside the ID of a secret are not discovered. */
  async keys(patterns: readonly string[], signal: AbortSignal): Promise<string[]> {
    const wanted = patterns.map(parsePattern).filter((pattern) => pattern !== undefined)
    const here = wanted.filter((pattern) => this.#options.places.isHere(pattern))
    const keys: string[] = []
    // Keys are found under the name that their patterns have for the project.
    for (const of of Map.groupBy(here, ({ before }) => before).values()) {
      for (const key of await this.#list(of, this.#options.maxSecrets - keys.length, signal)) keys.push(key)
    }
    return keys
  }

  async #list(patterns: readonly Pattern[], most: number, signal: AbortSignal): Promise<string[]> {
    const [first] = patterns
    if (first === undefined) return []
    const filter = filterFor(patterns, this.#options.filter)
    const keys: string[] = []
    let next: string | undefined
    for (let pages = 0; pages < mostPages; pages++) {
      const page = await this.#page(first, listQuery(filter, next), signal)
      for (const id of page.ids) keys.push(`${first.before}${id}`)
      if (keys.length > most) throw this.#tooMuch(`there are more than ${this.#options.maxSecrets} secrets`)
      if (page.next === undefined) return keys
      next = page.next
    }
    throw this.#tooMuch(`the list of secrets has more than ${mostPages} pages`)
  }

  async #page(pattern: Pattern, query: string, signal: AbortSignal): Promise<Page> {
    const { client, places } = this.#options
    return await client.get(
      (session) => {
        const parent = places.parentOf(pattern, session)
        return {
          path: `/v1/${parentName(parent)}/secrets?${query}`,
          asked: {
            key: undefined,
            permission: 'secretmanager.secrets.list',
            role: 'roles/secretmanager.viewer',
            resource: `the project ${parent.project}`,
          },
        }
      },
      pageIn,
      signal,
    )
  }

  #tooMuch(what: string): ProviderError {
    const words = `${what} that the patterns may cover. Narrow the patterns, set filter, or raise maxSecrets.`
    return new ProviderError('unavailable', 'oversized', `provider "${this.#options.name}": ${words}`)
  }
}
