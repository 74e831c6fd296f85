import { NotifyError } from './error.ts'

/** By status: what is likely wrong, and what can be done. */
const remedies = new Map([
  [401, 'The application wants a credential: check http.headers.'],
  [403, 'The application refuses the credential, or the sidecar: check http.headers and what it lets in.'],
  [404, 'Nothing is at this path there: check http.url.'],
  [405, 'The path takes another method: check http.method.'],
])

/** @param place method and origin: path and query may hold a credential, as those of webhooks do */
export function badStatus(place: string, status: number): NotifyError {
  const remedy =
    remedies.get(status) ??
    (status < 400
      ? 'Redirects are not followed: name the place itself in http.url.'
      : 'Look into the log of the application.')
  return new NotifyError('status', `${place}: answered with the status ${status}`, remedy)
}

const unreachable =
  /^(ENOTFOUND|EAI_|ECONNREFUSED|EHOST|ENET|EADDRNOTAVAIL|ECONNRESET|EPIPE|ECONNABORTED|UND_ERR_SOCKET)/
const late = /^(UND_ERR_(CONNECT|HEADERS|BODY)_TIMEOUT|ETIMEDOUT)$/
const tls = /^(CERT_|ERR_TLS_|ERR_SSL_|EPROTO$|UNABLE_TO_|SELF_SIGNED_|DEPTH_ZERO_|ERR_OSSL)/

/** A transport's error. The original is not kept: a parser's error carries the bytes that it stumbled over. */
export function noAnswer(place: string, error: unknown): NotifyError {
  const code = codeOf(error)
  const message = `${place}: no answer (${code})`
  if (late.test(code)) return new NotifyError('timeout', message, 'Check the application, or raise timeout.')
  if (tls.test(code)) {
    const remedy =
      'Check that http.url has the right scheme, and that the certificate is of a known authority.'
    return new NotifyError('refused', message, remedy)
  }
  if (unreachable.test(code)) {
    const remedy = 'Check that the application listens there, and http.url.'
    return new NotifyError('refused', message, remedy)
  }
  return new NotifyError('io', message, 'Check http.url, http.headers, and what answers there.')
}

function codeOf(error: unknown): string {
  if (error instanceof Error && 'code' in error && typeof error.code === 'string') return error.code
  return 'unknown error'
}
