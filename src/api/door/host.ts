import { CodedError } from '../../errors.ts'
import { hostName, isLoopback } from '../hosts.ts'
import type { ApiConfig } from '../ports.ts'
import type { Check } from './check.ts'

/** Of two Host headers, one check may see the first and another program the second (RFC 9112, section 3.2). */
export const oneHost: Check = ({ raw: { rawHeaders, httpVersionMinor } }) => {
  let hosts = 0
  for (let at = 0; at < rawHeaders.length; at += 2) {
    if (rawHeaders[at]?.length === 4 && rawHeaders[at]?.toLowerCase() === 'host') hosts += 1
  }
  if (hosts === 1 || (hosts === 0 && httpVersionMinor === 0)) return undefined
  const detail = hosts === 0 ? 'The Host header is missing.' : 'There is more than one Host header.'
  return new CodedError('SIDEKEEP_BAD_REQUEST', [detail])
}

/** A page whose name was made to resolve to loopback (DNS rebinding) still carries its own name in Host. */
export function hostAllowed(config: Pick<ApiConfig, 'hosts'>): Check {
  let configured = config.hosts
  let hosts = new Set(configured.map(hostName))
  // Nearly all requests carry the same Host: it is taken apart once.
  let lastAllowed: string | undefined
  const allowed = (authority: string): boolean => {
    if (config.hosts !== configured) {
      configured = config.hosts
      hosts = new Set(configured.map(hostName))
      lastAllowed = undefined
    }
    if (authority === lastAllowed) return true
    const host = hostName(authority)
    if (host === undefined || !(isLoopback(host) || hosts.has(host))) return false
    lastAllowed = authority
    return true
  }
  return ({ raw: { headers, url = '/' } }) => {
    // Of a target in absolute form it is the authority that counts, not Host (RFC 9112, section 3.2.2): both must do.
    const named = url.startsWith('/') ? undefined : authorityOf(url)
    if (allowed(headers.host ?? '') && (named === undefined || allowed(named))) return undefined
    return new CodedError('SIDEKEEP_HOST_NOT_ALLOWED')
  }
}

function authorityOf(target: string): string | undefined {
  return /^[a-z][a-z0-9+.-]*:\/\/([^/?#]*)/i.exec(target)?.[1]
}
