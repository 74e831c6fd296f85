/** What becomes of a header, by its name. */
export type HeaderClass =
  /** It is passed on. */
  | 'passed'
  /** It is for the next hop only (RFC 9110, section 7.6.1, and what was never standardised but is used). */
  | 'hop'
  /** The proxy says it itself: whatever a client says under this name is not passed on. */
  | 'ours'
  /** A trusted proxy may say it. */
  | 'forwarded'
  | 'connection'
  | 'transfer-encoding'
  | 'content-length'
  | 'trailer'

const hopByHop = new Set([
  'http2-settings',
  'keep-alive',
  'proxy-authenticate',
  'proxy-authentication-info',
  'proxy-authorization',
  'proxy-connection',
  'te',
  'upgrade',
])

const ours = new Set([
  'expect',
  'forwarded',
  'host',
  'x-forwarded-for',
  'x-forwarded-host',
  'x-forwarded-proto',
  'x-real-ip',
  'x-request-id',
])

const special: ReadonlySet<string> = new Set<HeaderClass>([
  'connection',
  'transfer-encoding',
  'content-length',
  'trailer',
])

/** Names that were met, as they were written: most are met again with the next request. */
const known = { requests: new Map<string, HeaderClass>(), answers: new Map<string, HeaderClass>() }

/** How many names are remembered, and of how many characters: clients choose both. */
const mostKnown = 1_000
const longestKnown = 64

/**
 * Of a request's header. Applications that see headers as CGI variables take `X_Forwarded_For` for `X-Forwarded-For`:
 * under either name it is for us to say.
 */
export function requestHeaderClass(name: string): HeaderClass {
  return known.requests.get(name) ?? remember(known.requests, name, classOfRequest(name.toLowerCase()))
}

/** Of an answer's header. */
export function answerHeaderClass(name: string): HeaderClass {
  return known.answers.get(name) ?? remember(known.answers, name, classOfAnswer(name.toLowerCase()))
}

function classOfRequest(lower: string): HeaderClass {
  const name = lower.replaceAll('_', '-')
  const isPlain = name === lower
  // `Proxy` is no header of anybody, but CGI-like applications find in HTTP_PROXY where to send their own requests.
  if (hopByHop.has(name) || name === 'proxy' || name.startsWith('proxy-')) return 'hop'
  if (ours.has(name)) return 'ours'
  if (isSpecial(name)) return isPlain ? name : 'hop'
  if (name.startsWith('x-forwarded-')) return isPlain ? 'forwarded' : 'ours'
  return 'passed'
}

function classOfAnswer(lower: string): HeaderClass {
  if (hopByHop.has(lower)) return 'hop'
  if (isSpecial(lower)) return lower
  // Tells our own errors from the application's.
  return lower === 'sidekeep-error' ? 'ours' : 'passed'
}

function isSpecial(name: string): name is HeaderClass {
  return special.has(name)
}

function remember(names: Map<string, HeaderClass>, name: string, found: HeaderClass): HeaderClass {
  // A copy: the name may be a part of a whole head, which would be kept with it.
  if (names.size < mostKnown && name.length <= longestKnown)
    names.set(Buffer.from(name, 'latin1').toString('latin1'), found)
  return found
}

/** The headers that Connection names, in lower case; undefined where it names nothing that matters. */
export function nominatedBy(connection: string | undefined): ReadonlySet<string> | undefined {
  if (connection === undefined || connection === 'keep-alive' || connection === 'close') return undefined
  return new Set(connection.split(',').map((name) => name.trim().toLowerCase()))
}
