import { CodedError } from '../../errors.ts'
import type { Check } from './check.ts'

/**
 * A request that came through a proxy is one that somebody was talked into relaying (SSRF). The three headers that
 * proxies use to say so, their relatives `X-Forwarded-*`, and Via, which a proxy must send (RFC 9110, section 7.6.3).
 * An empty one counts: it was sent.
 */
export const notForwarded: Check = ({ raw: { rawHeaders } }) => {
  for (let at = 0; at < rawHeaders.length; at += 2) {
    const name = rawHeaders[at]
    if (name !== undefined && isForwardingHeader(name))
      return new CodedError('SIDEKEEP_FORWARDED_REQUEST', [name])
  }
  return undefined
}

function isForwardingHeader(name: string): boolean {
  switch (name.length) {
    case 3:
      return name.toLowerCase() === 'via'
    case 9: {
      const lower = name.toLowerCase()
      return lower === 'forwarded' || lower === 'x-real-ip'
    }
    default:
      return name.length > 11 && name.slice(0, 12).toLowerCase() === 'x-forwarded-'
  }
}
