import type { IncomingMessage } from 'node:http'
import { TLSSocket } from 'node:tls'
import { CodedError } from '../../errors.ts'
import type { Check } from './check.ts'

/**
 * A browser says for which page it asks: by Origin (WHATWG Fetch, section 3.2), whatever another origin's page sends
 * that is more than a plain GET, and by Sec-Fetch-Site (W3C Fetch Metadata, section 2.4) nearly everything. No page of
 * ours exists, so only what a person typed, or a tool of the same origin, may come that way. A name that was made to
 * resolve to loopback is an origin of its own, and Host has turned it away by now.
 */
export const sameSite: Check = ({ raw }) => {
  const { origin, 'sec-fetch-site': site } = raw.headers
  if (origin !== undefined && !isOwnOrigin(origin, raw)) return crossSite('Origin')
  return site === undefined || site === 'same-origin' || site === 'none'
    ? undefined
    : crossSite('Sec-Fetch-Site')
}

function crossSite(header: string): CodedError {
  return new CodedError('SIDEKEEP_CROSS_SITE_REQUEST', [header])
}

/** Whether it is the very origin that the request itself was sent to: scheme, host and port (RFC 6454, section 5). */
function isOwnOrigin(origin: string, { headers, socket }: IncomingMessage): boolean {
  const scheme = socket instanceof TLSSocket ? 'https' : 'http'
  const own = URL.parse(`${scheme}://${headers.host ?? ''}`)
  // What is sent is compared as it stands: a URL with a path, a list or `null` is no origin of ours.
  return own !== null && origin.toLowerCase() === own.origin
}
