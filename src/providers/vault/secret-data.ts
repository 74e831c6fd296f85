import type { SecretValue } from '../../secrets/secret.ts'
import { jsonSecret } from '../shared/json.ts'
import { Malformed } from '../shared/malformed.ts'
import { unavailable } from './failure.ts'

/** The map that an answer holds, as JSON: rules pick their fields from it. Throws a ProviderError. */
export function secretOf(data: Record<string, unknown>, place: string): SecretValue {
  return readable(place, () => jsonSecret(data))
}

/** What `read` makes of an answer. Throws a ProviderError where it throws `Malformed`. */
export function readable<T>(place: string, read: () => T): T {
  try {
    return read()
  } catch (error) {
    if (!(error instanceof Malformed)) throw error
    throw unavailable(place, error.reason, `the answer cannot be read: ${error.message}.`)
  }
}
