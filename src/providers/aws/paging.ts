import { ProviderError } from '../../secrets/provider.ts'

export interface Page<T> {
  readonly items: readonly T[]
  readonly next: string | undefined
}

/** A list that comes in pages. */
export interface Pages<T> {
  /** For messages. */
  readonly place: string
  /** How many items there may be. */
  readonly most: number
  readonly fetchPage: (token: string | undefined) => Promise<Page<T>>
}

/** How many pages there may be beyond one for each item: a service that filters sends empty ones. */
const emptyPages = 100

/**
 * Hands over each item of a list in turn. Rejects with a ProviderError where there are more than there may be, or where
 * the pages do not end.
 */
export async function eachOfPages<T>(
  { place, most, fetchPage }: Pages<T>,
  add: (item: T) => void,
): Promise<void> {
  let token: string | undefined
  let count = 0
  for (let pages = 0; pages < most + emptyPages; pages++) {
    const { items, next } = await fetchPage(token)
    count += items.length
    if (count > most) throw tooMany(place, most)
    for (const item of items) add(item)
    if (next === undefined || next === '') return
    if (next === token) break
    token = next
  }
  throw new ProviderError('unavailable', 'malformed', `${place}: the pages of the list do not end.`)
}

export function tooMany(place: string, most: number): ProviderError {
  const words = `there are more than ${most} secrets. Narrow what is listed, or raise maxSecrets.`
  return new ProviderError('unavailable', 'oversized', `${place}: ${words}`)
}
