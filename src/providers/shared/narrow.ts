import { type Fetched, ProviderError } from '../../secrets/provider.ts'

/** The entries of the keys asked for; what `all` does not have is missing from `place`. */
export function narrow(
  all: ReadonlyMap<string, Fetched | ProviderError>,
  keys: readonly string[],
  place: string,
): Map<string, Fetched | ProviderError> {
  return new Map(keys.map((key) => [key, all.get(key) ?? notFound(place, key)]))
}

/** The backend was asked, and does not have the key. */
export function notFound(place: string, key: string): ProviderError {
  return new ProviderError('missing', 'not-found', `${place}: there is no secret with the key "${key}".`)
}
