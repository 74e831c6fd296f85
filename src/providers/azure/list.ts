import { ProviderError } from '../../secrets/provider.ts'
import { isJsonObject, parseJson } from '../shared/json.ts'
import { Malformed } from '../shared/malformed.ts'
import { listPath, parseId } from './key.ts'
import { isUsable, readAttributes } from './secret.ts'
import type { Vault } from './vault.ts'

/** Far more than any list that `maxSecrets` allows: a vault that never comes to an end is broken. */
const mostPages = 10_000

/**
 * The names of the secrets that patterns may find: those that are enabled and within their time, and no certificates,
 * which the vault lists as well (`managed`): their private keys are for whoever names them.
 * Rejects with a ProviderError.
 */
export async function listNames(
  vault: Vault,
  { patterns, maxSecrets, wall }: { patterns: readonly string[]; maxSecrets: number; wall: () => number },
  signal: AbortSignal,
): Promise<string[]> {
  const place = vault.place(listPath)
  const isWanted = matcherOf(patterns)
  const names = new Set<string>()
  const seen = new Set<string>()
  for (let path: string | undefined = listPath; path !== undefined; ) {
    if (seen.has(path) || seen.size === mostPages) {
      throw failure('malformed', place, 'the list does not come to an end')
    }
    seen.add(path)
    const answer = await vault.get(path, undefined, signal)
    try {
      const page = readPage(answer.body, wall())
      for (const name of page.names) if (isWanted(name)) names.add(name)
      if (names.size > maxSecrets) {
        const words = `the list holds more than ${maxSecrets} secrets. Narrow the patterns, or raise maxSecrets`
        throw failure('oversized', place, words)
      }
      path = page.next === undefined ? undefined : nextPath(page.next, vault.origin, place)
    } catch (error) {
      if (!(error instanceof Malformed)) throw error
      throw failure(error.reason, place, `the list cannot be read: ${error.message}`)
    } finally {
      answer.body.fill(0)
    }
  }
  return [...names]
}

/** Characters. All that were seen are remembered while the list is read. */
const longestLink = 4096

interface Page {
  readonly names: readonly string[]
  readonly next: string | undefined
}

function readPage(body: Buffer, wall: number): Page {
  const page = parseJson(body)
  if (!isJsonObject(page)) throw new Malformed('it is no JSON object')
  // An empty page may have a successor.
  const items: unknown = page.value ?? []
  if (!Array.isArray(items)) throw new Malformed('its "value" is no list')
  const next = page.nextLink ?? undefined
  if (next !== undefined && (typeof next !== 'string' || next.length > longestLink)) {
    throw new Malformed('its "nextLink" is no text, or too long')
  }
  return { names: items.flatMap((item) => nameOf(item, wall)), next: next === '' ? undefined : next }
}

function nameOf(item: unknown, wall: number): string[] {
  const id = isJsonObject(item) ? parseId(item.id) : undefined
  if (!isJsonObject(item) || id === undefined) throw new Malformed('an item has no "id" of a secret')
  const isListed = item.managed !== true && isUsable(readAttributes(item.attributes), wall)
  return isListed ? [id.name] : []
}

/** The token goes along: only to the vault, and only to its list. */
function nextPath(link: string, origin: string, place: string): string {
  const url = URL.parse(link, origin)
  if (url?.origin !== origin || !/^\/secrets\/?$/.test(url.pathname)) {
    throw failure('redirect', place, 'the list goes on at another place, which is not followed')
  }
  return `${url.pathname}${url.search}`
}

function failure(
  reason: 'malformed' | 'oversized' | 'redirect',
  place: string,
  words: string,
): ProviderError {
  return new ProviderError('unavailable', reason, `${place}: ${words}.`)
}

/** Names of a vault know no upper and lower case; patterns do, as the names that they stand for are listed as they are. */
function matcherOf(patterns: readonly string[]): (name: string) => boolean {
  const parts = patterns.map((pattern) => pattern.split('*'))
  return (name) =>
    parts.some(([head = '', tail = '']) => {
      const fits = name.length >= head.length + tail.length
      return fits && name.startsWith(head) && name.endsWith(tail)
    })
}
