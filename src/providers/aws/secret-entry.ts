import { type Fetched, ProviderError } from '../../secrets/provider.ts'
import { SecretValue } from '../../secrets/secret.ts'

/** What Secrets Manager says of one secret. */
export interface SecretEntry {
  readonly SecretString?: string | undefined
  readonly SecretBinary?: Uint8Array | undefined
  readonly VersionId?: string | undefined
}

/** As a secret of its own: whoever gets it may overwrite it. Throws a ProviderError where it has no value. */
export function fetchedSecret(place: string, key: string, entry: SecretEntry): Fetched {
  // The SDK says what type each member has, and hands over whatever came.
  const version: unknown = entry.VersionId
  const value = secretOf(entry)
  if (value === undefined) {
    const words = `"${key}" has no value that can be read. Put one there`
    throw new ProviderError('unavailable', 'malformed', `${place}: ${words}.`)
  }
  return { value, ...(typeof version === 'string' && version !== '' && { version }) }
}

function secretOf({ SecretString: text, SecretBinary: bytes }: SecretEntry): SecretValue | undefined {
  if (bytes instanceof Uint8Array) return new SecretValue(Buffer.from(bytes))
  // Half of a surrogate pair would silently become U+FFFD in UTF-8.
  return typeof text === 'string' && text.isWellFormed() ? SecretValue.fromText(text) : undefined
}

/** To be called once what was wanted of them has been copied. */
export function overwriteBinary(entries: readonly SecretEntry[]): void {
  for (const { SecretBinary: bytes } of entries) if (bytes instanceof Uint8Array) bytes.fill(0)
}
