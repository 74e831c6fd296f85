import { type Fetched, ProviderError } from '../../secrets/provider.ts'
import { Malformed } from '../shared/malformed.ts'
import type { SecretKey } from './key.ts'
import { entryOf, type SecretObject, wholeOf } from './secret.ts'

/**
 * What a key stands for in a Secret that is there. It gets no version: the only one there is, resourceVersion, changes with
 * labels, annotations and managed fields too, and each change would look like a rotation. Content decides.
 *
 * @param place for messages
 */
export function fetchedOf(
  secret: SecretObject,
  { key, name, entry }: SecretKey,
  place: string,
): Fetched | ProviderError {
  try {
    if (entry === undefined) return { value: wholeOf(secret) }
    const value = entryOf(secret, entry)
    if (value !== undefined) return { value }
    const words = `the Secret "${name}" has no entry "${entry}". Check the part of the key behind the slash.`
    return new ProviderError('missing', 'not-found', `${place}: ${words}`)
  } catch (error) {
    if (!(error instanceof Malformed)) throw error
    return new ProviderError(
      'unavailable',
      error.reason,
      `${place}: the secret "${key}" cannot be read: ${error.message}.`,
    )
  }
}

/** What a key stands for that no Secret can have. */
export function notAKey(key: string, place: string): ProviderError {
  const words =
    `there is no secret with the key "${key}": a key is the name of a Secret, in lower-case letters, digits, "-" and ` +
    '".", or SECRET/ENTRY.'
  return new ProviderError('missing', 'not-found', `${place}: ${words}`)
}
