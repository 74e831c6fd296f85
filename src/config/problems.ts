import { CodedError } from '../errors.ts'

/** Where in the configuration: names of keys, and numbers of list items. */
export type Path = readonly (string | number)[]

/** One thing that is wrong with the configuration. No text of it holds a credential or the content of a variable. */
export interface Problem {
  readonly path: Path
  /** Counted from 1; absent where there is no file. */
  readonly line?: number
  readonly column?: number
  /** What would have been right. */
  readonly expected: string
  /** What was there, where that may be shown. */
  readonly got?: string
  /** What was probably meant. */
  readonly suggestion?: string
}

/** How many problems a message lists: nobody reads more, and a file that is no configuration may have any number. */
const mostListed = 100

/** The configuration is wrong; the message lists all that is, one a line. The process ends with exit code 78. */
export class ConfigError extends CodedError {
  readonly problems: readonly Problem[]

  constructor(problems: readonly Problem[], source: string) {
    const sorted = [...problems].sort(
      (a, b) => (a.line ?? 0) - (b.line ?? 0) || (a.column ?? 0) - (b.column ?? 0),
    )
    const lines = sorted.slice(0, mostListed).map((problem) => formatProblem(problem, source))
    if (sorted.length > mostListed) lines.push(`and ${sorted.length - mostListed} more`)
    super('SIDEKEEP_CONFIG_INVALID', [lines.join('\n')])
    this.name = 'ConfigError'
    this.problems = sorted
  }
}

/** `file:line:column path: expected …, got …; did you mean "…"?` */
export function formatProblem(problem: Problem, source: string): string {
  const { path, line, column, expected, got, suggestion } = problem
  const place = line === undefined ? source : `${source}:${line}:${column ?? 1}`
  const option = path.length === 0 ? '' : ` ${formatPath(path)}`
  return (
    `${place}${option}: expected ${expected}` +
    (got === undefined ? '' : `, got ${got}`) +
    (suggestion === undefined ? '' : `; did you mean ${quote(suggestion)}?`)
  )
}

/** `secrets.db-password.refresh`, `secrets["shared/*"].key`, `proxy.limits[0].rate`. */
export function formatPath(path: Path): string {
  return path
    .map((part, index) => {
      if (typeof part === 'number') return `[${part}]`
      if (/^[A-Za-z0-9_-]{1,256}$/.test(part)) return index === 0 ? part : `.${part}`
      return `[${quote(part)}]`
    })
    .join('')
}

const longestQuote = 256

/** In double quotes and on one line; no character of it can move a terminal's cursor or turn its text around. */
export function quote(text: string): string {
  const short = text.length > longestQuote ? `${text.slice(0, longestQuote)}…` : text
  return JSON.stringify(short).replace(
    /[\p{Cc}\p{Cf}\u2028\u2029]/gu,
    (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`,
  )
}

/** What was there, for a message: only short plain values are quoted, of collections only the kind is told. */
export function describeValue(value: unknown): string {
  if (value === null || value === undefined) return 'nothing'
  if (Array.isArray(value)) return 'a list'
  if (typeof value === 'object') return 'a mapping'
  return typeof value === 'string' ? quote(value) : String(value)
}

/**
 * True where a literal of the file must not be repeated: secrets, credentials, tokens of callers, certificates, and URLs,
 * which people write credentials into against all advice.
 */
export function isSensitive(path: Path): boolean {
  const last = path.at(-1)
  return (
    (path[0] === 'providers' && !isPlainOfProvider(path)) ||
    // In place of a rule, somebody may have written the secret itself.
    (path[0] === 'secrets' && path.length === 2) ||
    // And a template may have a password in it.
    (path[0] === 'secrets' && path.length === 3 && last === 'template') ||
    (path[0] === 'files' && isOfFile(path)) ||
    (path[0] === 'api' && isOfToken(path)) ||
    // In place of its path, somebody may have written the private key itself.
    (path.at(-2) === 'tls' && last === 'key') ||
    last === 'upstream' ||
    (path[0] === 'proxy' && isOfStore(path))
  )
}

/** Told by the option's own name: below `env`, `headers` and `body` names are free. */
function isPlainOfProvider(path: Path): boolean {
  return path.length === 3 && plainProviderOptions.has(path[2] ?? '')
}

/**
 * Of a file the text of its template, and whom it is told to: URLs carry tokens in their path or query, programs get them as
 * arguments. What stands in place of one of these may be that itself.
 */
function isOfFile([, , option, , way, of, ...rest]: Path): boolean {
  if (option === 'template') return true
  if (option !== 'notify' || (way !== undefined && plainNotifyOptions.has(way))) return false
  return !(way === 'http' && of === 'method' && rest.length === 0)
}

/** The address of a Redis, which is commonly written with its password, or what stands in place of it. */
function isOfStore([, section, option, ...rest]: Path): boolean {
  return section === 'store' && rest.length === 0 && (option === undefined || storeOptions.has(option))
}

/** A caller's tokens, or what stands in place of them: of all callers, of the caller, or of its tokens. */
function isOfToken(path: Path): boolean {
  const [name, option] = path.slice(path.indexOf('callers')).slice(1)
  return path.includes('callers') && (name === undefined || option === undefined || option === 'tokens')
}

const plainNotifyOptions: ReadonlySet<string | number> = new Set(['signal', 'pidFile', 'timeout'])

const storeOptions: ReadonlySet<string | number> = new Set(['url', 'password'])

/**
 * Of a provider only these may be quoted: they are one of a few words, a number, a duration, a size or a boolean, and
 * whoever writes a credential into another option, or a whole command line, does not find it in a log.
 */
const plainProviderOptions: ReadonlySet<string | number> = new Set([
  'type',
  'format',
  'trimNewline',
  'certificates',
  'kvVersion',
  'revokeOnStop',
  'watch',
  'poll',
  'timeout',
  'maxBody',
  'maxSecrets',
  'maxRemembered',
  'maxWatches',
  'maxCallsPerSecond',
  'maxConcurrentCalls',
  'maxQueuedCalls',
])
