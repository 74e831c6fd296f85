import type { Answer } from '../shared/http/exchange.ts'
import { unavailable } from './failure.ts'

/** The origins that may see the token: of `url`, which comes first, and of `redirectHosts`, by the same scheme. */
export function originsOf({
  url,
  redirectHosts,
}: {
  readonly url: string
  readonly redirectHosts: readonly string[]
}): [string, ...string[]] {
  const own = new URL(url)
  const others = redirectHosts.map((host) => {
    const at = new URL(`${own.protocol}//${host}`)
    // A port that is the scheme's usual one is not shown by URL; whoever wrote it meant it.
    if (at.port === '' && !/:\d+$/.test(host)) at.port = own.port
    return at.origin
  })
  return [own.origin, ...new Set(others.filter((origin) => origin !== own.origin))]
}

/** Where a standby says that the leader is: only its origin counts, and only a configured one. Throws a ProviderError. */
export function leaderOf<T>({ status, headers }: Answer, known: ReadonlyMap<string, T>, place: string): T {
  const location = headers.get('location')
  if (status !== 307 || location === undefined || !URL.canParse(location)) {
    throw unavailable(place, 'redirect', `the answer leads elsewhere (${status}). Set url to Vault itself.`)
  }
  const leader = known.get(new URL(location).origin)
  if (leader === undefined) {
    const words =
      'a standby names a leader that redirectHosts does not name (307), and is not followed: the token would go there. Add the host of its api_addr to redirectHosts.'
    throw unavailable(place, 'redirect', words)
  }
  return leader
}
