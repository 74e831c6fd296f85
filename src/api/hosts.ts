/** Octets 0 to 255 without leading zeros, which some resolvers read as octal. */
const octet = '(?:25[0-5]|2[0-4]\\d|1\\d\\d|[1-9]?\\d)'
const loopbackV4 = new RegExp(`^127(?:\\.${octet}){3}$`)

/** A Host header or a configured host without its port and a trailing dot, in lower case. Undefined: malformed. */
export function hostName(authority: string): string | undefined {
  const match = /^(\[[0-9a-f:.]+\]|[^\s:[\]@/?#\\]+?)\.?(?::\d{0,5})?$/.exec(authority.toLowerCase())
  return match?.[1]
}

/** Whether a name, as `hostName` gives it, can only mean this machine. `*.localhost` is left out: who needs it can configure it. */
export function isLoopback(host: string): boolean {
  return host === 'localhost' || host === '[::1]' || loopbackV4.test(host)
}
