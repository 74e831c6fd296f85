import { ProviderError } from '../../secrets/provider.ts'
import type { Answer } from '../shared/http/exchange.ts'

/** More is a misconfiguration or a loop. */
const maxRedirects = 3

/** The redirects that keep a GET a GET (RFC 9110, section 15.4). */
const statuses: ReadonlySet<number> = new Set([301, 302, 303, 307, 308])

export function isRedirect(answer: Answer): boolean {
  return statuses.has(answer.status)
}

/**
 * Where a redirect leads, within the origin. Throws a ProviderError for another origin: the request carries the token,
 * and whoever can redirect it elsewhere would get it.
 */
export function nextHop(from: URL, answer: Answer, hops: number, place: string): URL {
  const refused = (words: string): ProviderError =>
    new ProviderError('unavailable', 'redirect', `${place}: ${words} (status ${answer.status}).`)
  const location = answer.headers.get('location')
  const to = location === undefined ? null : URL.parse(location, from)
  if (to === null) throw refused('a redirect that names no usable place')
  if (to.origin !== from.origin) {
    const elsewhere = to.origin === 'null' ? 'another scheme' : to.origin
    throw refused(
      `a redirect to ${elsewhere} is not followed, since the token would go there. ` +
        'Set url to where the secrets are, if that is the place',
    )
  }
  if (hops === maxRedirects) throw refused(`more than ${maxRedirects} redirects. Set url to the final place`)
  return to
}
