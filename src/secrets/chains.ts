import type { ChainOptions } from './chain.ts'
import { Chain } from './chain.ts'
import type { Match } from './rules.ts'
import { placesOf } from './rules.ts'
import type { Source } from './source.ts'
import type { UnitSource } from './unit-source.ts'

/** The chains of all rules that name several places. Rules with the same ones share a chain, and so one fetch. */
export class Chains {
  readonly #options: ChainOptions
  readonly #byPlaces = new Map<string, Chain>()

  constructor(options: ChainOptions) {
    this.#options = options
  }

  /** @param sourceOf the source of a provider */
  of(match: Match, sourceOf: (provider: string) => Source): Chain {
    const places = placesOf(match)
    const id = JSON.stringify(places.map(({ provider, key }) => [provider, key]))
    const known = this.#byPlaces.get(id)
    if (known !== undefined) return known
    const links = places.map(({ provider, key }) => ({ source: sourceOf(provider), key }))
    const chain = new Chain(links, this.#options)
    this.#byPlaces.set(id, chain)
    return chain
  }

  /** Those that ask a source; with a key, those that ask it for that key. */
  *asking(source: UnitSource, key?: string): Generator<Chain> {
    for (const chain of this.#byPlaces.values()) {
      const isAsked = chain.links.some(
        (link) => link.source === source && (key === undefined || link.key === key),
      )
      if (isAsked) yield chain
    }
  }

  /** Keeps those that `isCurrent`; the places of the others get new ones when they are wanted. */
  keep(isCurrent: (chain: Chain) => boolean): void {
    for (const [id, chain] of this.#byPlaces) if (!isCurrent(chain)) this.#byPlaces.delete(id)
  }
}
