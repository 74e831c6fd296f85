import { isJsonObject, parseJson } from '../shared/json.ts'
import { Malformed } from '../shared/malformed.ts'
import { type Pattern, parseListedName } from './key.ts'

/** Of secrets with many labels a page stays below 1 MiB, also where an answer in part is not to be had. */
const pageSize = 500

/** Characters: a longer one narrows little, and has to fit into a URL. */
const longestFilter = 1_000

/** What is no name in a filter (AIP-160). */
const operators = new Set(['AND', 'OR', 'NOT'])

export interface Page {
  readonly ids: readonly string[]
  /** What asks for the next page; undefined for the last. */
  readonly next: string | undefined
}

/** A page of `secrets.list`. Throws `Malformed`. */
export function pageIn(body: Buffer): Page {
  const answer = parseJson(body)
  if (!isJsonObject(answer)) throw new Malformed('it is no list of secrets')
  const { secrets = [], nextPageToken = '' } = answer
  if (!Array.isArray(secrets) || typeof nextPageToken !== 'string') {
    throw new Malformed('it is no list of secrets')
  }
  return { ids: secrets.map(idOf), next: nextPageToken === '' ? undefined : nextPageToken }
}

function idOf(secret: unknown): string {
  const name = isJsonObject(secret) ? secret.name : undefined
  const id = typeof name === 'string' ? parseListedName(name) : undefined
  if (id === undefined) throw new Malformed('a secret in it has no name')
  return id
}

/** The query of one page. */
export function listQuery(filter: string | undefined, pageToken: string | undefined): string {
  const query = new URLSearchParams({ pageSize: String(pageSize), fields: 'secrets.name,nextPageToken' })
  if (filter !== undefined) query.set('filter', filter)
  if (pageToken !== undefined) query.set('pageToken', pageToken)
  return query.toString()
}

/**
 * A filter that lets through whatever the patterns cover, and more: `name:` means that the name has it somewhere, in
 * whatever case. Undefined where it could not narrow the list, or the words would mean something else in a filter.
 */
export function filterFor(patterns: readonly Pattern[], own: string | undefined): string | undefined {
  const names = nameFilter(patterns)
  if (own === undefined || names === undefined) return own ?? names
  return `(${own}) AND (${names})`
}

function nameFilter(patterns: readonly Pattern[]): string | undefined {
  const parts = new Set(
    patterns.map(({ prefix, suffix }) => (prefix.length >= suffix.length ? prefix : suffix)),
  )
  const isNarrow = [...parts].every(
    (part) => /^[A-Za-z][A-Za-z0-9_-]*$/.test(part) && !operators.has(part.toUpperCase()),
  )
  if (!isNarrow) return undefined
  const filter = [...parts].map((part) => `name:${part}`).join(' OR ')
  return filter.length <= longestFilter ? filter : undefined
}
