import { ProviderError, type ProviderErrorReason } from '../../../secrets/provider.ts'

interface Meaning {
  readonly reason: ProviderErrorReason
  /** `{option}` stands for the option that names the backend's address. */
  readonly words: string
}

/** By error code of Node and undici. The first row whose pattern fits. */
const meanings: readonly (readonly [RegExp, Meaning])[] = [
  [
    /^(ENOTFOUND|EAI_)/,
    {
      reason: 'dns',
      words: 'the host name cannot be resolved. Check the name in {option} and the DNS of this pod',
    },
  ],
  [
    /^(ECONNREFUSED|EHOSTUNREACH|ENETUNREACH|EADDRNOTAVAIL|EHOSTDOWN|ENETDOWN)$/,
    { reason: 'refused', words: 'no connection. Check that the backend is running and the port in {option}' },
  ],
  [
    /^CERT_HAS_EXPIRED$/,
    { reason: 'tls', words: "the server's certificate has expired. Renew it at the backend" },
  ],
  [
    /^ERR_TLS_CERT_ALTNAME_INVALID$/,
    {
      reason: 'tls',
      words:
        "the server's certificate is for another name. Use a host in {option} that the certificate names",
    },
  ],
  [
    /^(UNABLE_TO_|SELF_SIGNED_|DEPTH_ZERO_)/,
    {
      reason: 'tls',
      words: "the server's certificate is not signed by a known authority. Name its authority in ca",
    },
  ],
  [
    /^(CERT_|ERR_TLS_|ERR_SSL_|EPROTO$|CRL_|INVALID_|ERR_OSSL)/,
    {
      reason: 'tls',
      words: 'no TLS connection could be made. Check that {option} has the right scheme and port, and ca',
    },
  ],
  [
    /^(UND_ERR_(CONNECT|HEADERS|BODY)_TIMEOUT|ETIMEDOUT)$/,
    { reason: 'timeout', words: 'no answer in time. Check the backend, or raise timeout' },
  ],
  [
    /^(ECONNRESET|EPIPE|ECONNABORTED|UND_ERR_SOCKET|UND_ERR_RES_CONTENT_LENGTH_MISMATCH)$/,
    {
      reason: 'reset',
      words:
        'the connection was closed before the answer was complete. Check the backend and what is between',
    },
  ],
  [
    /^(HPE_|HTTPParserError$|UND_ERR_HEADERS_OVERFLOW$)/,
    {
      reason: 'malformed',
      words: 'the answer is not valid HTTP. Check that {option} has the right scheme and port',
    },
  ],
  [/^UND_ERR_(CLOSED|DESTROYED|ABORTED)$/, { reason: 'aborted', words: 'the provider was closed' }],
]

/**
 * A transport's error as the provider's. The original is not kept as a cause: a parser's error carries the bytes it
 * stumbled over, and those may be a secret's.
 *
 * @param option the option that names the backend's address
 */
export function transportFailure(place: string, error: unknown, option = 'url'): ProviderError {
  const code = codeOf(error)
  const meaning = meanings.find(([pattern]) => pattern.test(code))?.[1]
  if (meaning === undefined) {
    return new ProviderError('unavailable', 'internal', `${place}: the request failed (${code}).`)
  }
  const words = meaning.words.replace('{option}', option)
  return new ProviderError('unavailable', meaning.reason, `${place}: ${words} (${code}).`)
}

/** Of several attempts on several addresses, Node reports the first one's code. */
function codeOf(error: unknown): string {
  if (error instanceof Error && 'code' in error && typeof error.code === 'string') return error.code
  return error instanceof Error ? error.name : 'unknown error'
}
