import { type Fetched, ProviderError } from '../../secrets/provider.ts'
import { SecretValue } from '../../secrets/secret.ts'
import { parseDocument } from '../shared/secret-json.ts'
import type { Page } from './client.ts'

/**
 * The answer for one key: JSON `{"value":…}` where the content type says JSON, else the body's own bytes. Throws
 * `Malformed`.
 */
export function parseSingle({ body, contentType, etag }: Page): Fetched {
  // The page's bytes may stay the companion of the next conditional request: the value is a copy.
  const fetched = isJsonType(contentType)
    ? parseDocument(body)
    : { value: new SecretValue(Buffer.from(body)) }
  const version = fetched.version ?? strongTag(etag)
  return version === undefined ? fetched : { ...fetched, version }
}

/**
 * Whether a fetch brought a lease. A 304 to a later one would confirm the document and say nothing of the credential in
 * it, whose lease counts from the question that brought it: such a document is fetched whole each time.
 */
export function isLeased(fetched: Fetched | ProviderError): boolean {
  return !(fetched instanceof ProviderError) && fetched.lease !== undefined
}

/** A weak tag may stay the same while the bytes change (RFC 9110, section 8.8.1), so it is no version. */
function strongTag(etag: string | undefined): string | undefined {
  return etag === undefined ? undefined : /^"([!#-~]{1,512})"$/.exec(etag)?.[1]
}

function isJsonType(contentType: string | undefined): boolean {
  return contentType !== undefined && /^application\/(?:[^;]+\+)?json$/.test(contentType)
}
