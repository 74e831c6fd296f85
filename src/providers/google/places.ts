import { ProviderError } from '../../secrets/provider.ts'
import { notFound } from '../shared/narrow.ts'
import type { Session } from './credentials/session.ts'
import { type Key, type Parent, type Pattern, parseKey } from './key.ts'

type Named = Pick<Key | Pattern, 'project' | 'location'>

/** Where the provider's secrets are, and what its keys can name. */
export class Places {
  readonly #name: string
  readonly #location: string | undefined

  constructor(name: string, location: string | undefined) {
    this.#name = name
    this.#location = location
  }

  /** Throws a ProviderError (*missing*) for what this provider cannot have. */
  keyOf(written: string): Key {
    const place = `provider "${this.#name}"`
    const key = parseKey(written)
    if (key === undefined) throw notFound(place, written)
    if (this.isHere(key)) return key
    const words =
      this.#location === undefined
        ? `the key "${written}" is of a regional secret, and this provider reads global ones. Use one with location`
        : `the key "${written}" is not of the location ${this.#location}, which this provider reads. Use one for that location`
    throw new ProviderError('missing', 'not-found', `${place}: ${words}.`)
  }

  /** Whether it is of the location that the provider reads: whoever names a project names the location too. */
  isHere({ project, location }: Named): boolean {
    return project === undefined || location === this.#location
  }

  /** Throws a ProviderError (*credential*) where the project is not known. */
  parentOf({ project }: Named, session: Session): Parent {
    const known = project ?? session.project
    if (known !== undefined) return { project: known, location: this.#location }
    const words =
      'the credentials name no project. Set project, or GOOGLE_CLOUD_PROJECT, or name it in the key.'
    throw new ProviderError('unavailable', 'credential', `provider "${this.#name}": ${words}`)
  }
}
