import { isIPv4, isIPv6 } from 'node:net'
import { posix } from 'node:path'

/** Where a listener is bound. Port 0 is any free port. */
export type Listen =
  /** `host` is an IP address, an IPv6 address without its brackets and in its canonical form. */
  | { readonly kind: 'tcp'; readonly host: string; readonly port: number }
  /** `path` is absolute and normalised. */
  | { readonly kind: 'unix'; readonly path: string }

/** What an address looks like, for editors: the parser knows more. */
export const listenPattern = /^(?:unix:\/.+|(?:[0-9.]+|\[[0-9A-Fa-f:.]+\]):[0-9]{1,5})$/
export const listenExpected = 'an address such as 127.0.0.1:7575, [::1]:7575 or unix:/run/sidekeep/api.sock'

/** The shortest `sun_path` among the systems we run on (104 bytes on macOS, 108 on Linux), less the closing NUL. */
const longestSocketPath = 103

/**
 * Reads `127.0.0.1:7575`, `[::1]:7575` or `unix:/path`. Host names are refused: a name can resolve to one family only
 * while another process holds the port on the other, and callers would reach that one.
 */
export function parseListen(text: string): Listen | { readonly error: string } {
  if (text.startsWith('unix:')) return parseUnix(text.slice('unix:'.length))

  const colon = text.lastIndexOf(':')
  const host = colon < 0 ? '' : text.slice(0, colon)
  const digits = text.slice(colon + 1)
  if (host === '' && /^[0-9]+$/.test(digits)) {
    return {
      error: `an address before the port, such as 127.0.0.1:${digits} (or 0.0.0.0:${digits} for every interface)`,
    }
  }
  const address = ipAddress(host)
  if (address === undefined) return { error: hostRemedy(host, digits) }
  if (!/^[0-9]{1,5}$/.test(digits) || Number(digits) > 65_535) {
    return { error: `${listenExpected}, with a port between 0 and 65535` }
  }
  return { kind: 'tcp', host: address, port: Number(digits) }
}

export function formatListen(listen: Listen): string {
  if (listen.kind === 'unix') return `unix:${listen.path}`
  return `${listen.host.includes(':') ? `[${listen.host}]` : listen.host}:${listen.port}`
}

/** True where only processes of this host, or of this pod, can reach the listener. */
export function isLoopback(listen: Listen): boolean {
  return listen.kind === 'unix' || isLoopbackAddress(listen.host)
}

/** True for 127.0.0.0/8 (RFC 1122, section 3.2.1.3), ::1 (RFC 4291, section 2.5.3) and the former mapped into IPv6. */
export function isLoopbackAddress(host: string): boolean {
  return isIPv4(host) ? host.startsWith('127.') : host === '::1' || /^::ffff:7f[0-9a-f]{2}:/.test(host)
}

/**
 * True where the second of two listeners could not be opened beside the first. The unspecified addresses hold their
 * port on every address: `::` on both families, and whoever writes 0.0.0.0 means every address too.
 */
export function overlaps(a: Listen, b: Listen): boolean {
  if (a.kind === 'unix' || b.kind === 'unix') {
    return a.kind === 'unix' && b.kind === 'unix' && a.path === b.path
  }
  if (a.port === 0 || a.port !== b.port) return false
  return a.host === b.host || isUnspecified(a.host) || isUnspecified(b.host)
}

function isUnspecified(host: string): boolean {
  return host === '0.0.0.0' || host === '::'
}

function parseUnix(path: string): Listen | { readonly error: string } {
  if (!posix.isAbsolute(path) || path.endsWith('/') || path.includes('\0')) {
    return { error: 'an absolute path after unix:, such as unix:/run/sidekeep/api.sock' }
  }
  const normal = posix.normalize(path)
  if (Buffer.byteLength(normal) > longestSocketPath) {
    return { error: `a socket path of at most ${longestSocketPath} bytes (the operating system's limit)` }
  }
  return { kind: 'unix', path: normal }
}

/** The address as it can be bound, or undefined where the text is none. */
function ipAddress(host: string): string | undefined {
  if (isIPv4(host)) return host
  const bare = /^\[(.*)\]$/.exec(host)?.[1]
  // A zone (`%eth0`) names an interface of one machine; nothing of ours binds link-local addresses.
  if (bare === undefined || bare.includes('%') || !isIPv6(bare)) return undefined
  return new URL(`http://[${bare}]`).hostname.slice(1, -1)
}

function hostRemedy(host: string, port: string): string {
  if (host === 'localhost')
    return `an address instead of the name localhost: 127.0.0.1:${port} or [::1]:${port}`
  if (host === '*') return `an address such as 0.0.0.0:${port} for every interface`
  if (host.includes(':') && isIPv6(host)) return `an IPv6 address in brackets: [${host}]:${port}`
  return listenExpected
}
