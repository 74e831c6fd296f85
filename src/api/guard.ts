import type { IncomingMessage } from 'node:http'
import type { Access } from '../access/access.ts'
import { CodedError } from '../errors.ts'
import type { Connections } from './connections.ts'
import { hostName, isLoopback } from './hosts.ts'
import type { ApiConfig } from './ports.ts'
import { bodyLimit } from './server-options.ts'

/** Says why a request is not let in, or nothing. Synchronous and cheap: it runs before everything else. */
export type Check = (request: IncomingMessage) => CodedError | undefined

/**
 * The door of a listener: the checks that every request passes, in this order, on every route but health. The
 * configuration may change under it, and holds from the next request on.
 */
export function createDoor(
  config: Pick<ApiConfig, 'hosts'>,
  access: Access,
  connections: Connections,
): Check {
  return firstOf([
    withinConnections(connections), // 503
    withinSize, //                     413; the size of the headers is the parser's: 431
    notForwarded, //                   400
    oneHost, //                        400
    hostAllowed(config), //            421
    headerPresent(access), //          401
    // Tokens have their place here, last: 401 without one, 403 where it does not open the secret.
  ])
}

/** The ops listener's door: kubelet and Prometheus come to the pod's address, and there is no secret behind it. */
export function createOpsDoor(connections: Connections): Check {
  return firstOf([withinConnections(connections), withinSize])
}

function firstOf(checks: readonly Check[]): Check {
  return (request) => {
    for (const check of checks) {
      const refusal = check(request)
      if (refusal !== undefined) return refusal
    }
    return undefined
  }
}

function withinConnections(connections: Connections): Check {
  return ({ socket }) =>
    connections.isBeyond(socket)
      ? new CodedError('SIDEKEEP_TOO_MANY_CONNECTIONS', [connections.max], { retryAfterMs: 1_000 })
      : undefined
}

function withinSize({ headers }: IncomingMessage): CodedError | undefined {
  const length = headers['content-length']
  if (length === undefined || Number(length) <= bodyLimit) return undefined
  return new CodedError('SIDEKEEP_REQUEST_TOO_LARGE', [bodyLimit])
}

/**
 * A request that came through a proxy is one that somebody was talked into relaying (SSRF). The three headers that
 * proxies use to say so, their relatives `X-Forwarded-*`, and Via, which a proxy must send (RFC 9110, section 7.6.3).
 * An empty one counts: it was sent.
 */
function notForwarded({ rawHeaders }: IncomingMessage): CodedError | undefined {
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

/** Of two Host headers, one check may see the first and another program the second (RFC 9112, section 3.2). */
function oneHost({ rawHeaders, httpVersionMinor }: IncomingMessage): CodedError | undefined {
  let hosts = 0
  for (let at = 0; at < rawHeaders.length; at += 2) {
    if (rawHeaders[at]?.length === 4 && rawHeaders[at]?.toLowerCase() === 'host') hosts += 1
  }
  if (hosts === 1 || (hosts === 0 && httpVersionMinor === 0)) return undefined
  const detail = hosts === 0 ? 'The Host header is missing.' : 'There is more than one Host header.'
  return new CodedError('SIDEKEEP_BAD_REQUEST', [detail])
}

/** A page whose name was made to resolve to loopback (DNS rebinding) still carries its own name in Host. */
function hostAllowed(config: Pick<ApiConfig, 'hosts'>): Check {
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
  return ({ headers, url = '/' }) => {
    // Of a target in absolute form it is the authority that counts, not Host (RFC 9112, section 3.2.2): both must do.
    const named = url.startsWith('/') ? undefined : authorityOf(url)
    if (allowed(headers.host ?? '') && (named === undefined || allowed(named))) return undefined
    return new CodedError('SIDEKEEP_HOST_NOT_ALLOWED')
  }
}

function authorityOf(target: string): string | undefined {
  return /^[a-z][a-z0-9+.-]*:\/\/([^/?#]*)/i.exec(target)?.[1]
}

/** A forged request, from a page or through an application, can choose the address but not the headers. */
function headerPresent(access: Access): Check {
  return ({ headers }) => {
    const value = headers['x-sidekeep-request']
    if (value === 'true' || (typeof value === 'string' && value.toLowerCase() === 'true')) return undefined
    return access.wants === 'nothing' ? undefined : new CodedError('SIDEKEEP_HEADER_REQUIRED')
  }
}
