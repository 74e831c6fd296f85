/** How often what was encoded is decoded: an application that does it twice must not find another path than we. */
const mostDecodings = 3

/**
 * A path as an application might understand it, however it is spelt: decoded, in lower case, with single slashes, without
 * `.` segments, path parameters and a trailing slash. For limits, which must not be evaded by another spelling; that two
 * paths share one where an application tells them apart does little harm. `..` segments never get here.
 */
export function plainPath(path: string): string {
  let plain = decodedPath(path).replaceAll('\\', '/').toLowerCase()
  if (plain.includes(';')) plain = plain.replaceAll(/;[^/]*/g, '')
  if (plain.includes('//') || plain.includes('/.')) {
    plain = plain.replaceAll(/\/(?:\.?\/)+/g, '/').replace(/\/\.$/, '/')
  }
  return plain.length > 1 && plain.endsWith('/') ? plain.slice(0, -1) : plain
}

/** A path without percent-encoding, also where it was encoded more than once. */
export function decodedPath(path: string): string {
  let plain = path
  for (let round = 0; round < mostDecodings && plain.includes('%'); round += 1) {
    const decoded = decode(plain)
    if (decoded === plain) break
    plain = decoded
  }
  return plain
}

/** Whether a path is one of a pattern's: `/api/*` has `/api` too, as many applications do not tell it from `/api/`. */
export function pathMatcher(text: string): (plain: string) => boolean {
  // Paths come as bytes, a character each; what is beyond ASCII in a pattern is UTF-8 in them.
  const pattern = Buffer.from(text).toString('latin1')
  if (!pattern.endsWith('*')) {
    const wanted = plainPath(pattern)
    return (plain) => plain === wanted
  }
  const written = pattern.slice(0, -1)
  const beginning = plainPath(written)
  if (!written.endsWith('/')) return (plain) => plain.startsWith(beginning)
  const folder = beginning.endsWith('/') ? beginning : `${beginning}/`
  return (plain) => plain.startsWith(folder) || plain === beginning
}

/** Byte by byte: what is no UTF-8 is left as the characters of its bytes, where `decodeURIComponent` would throw. */
function decode(path: string): string {
  return path.replaceAll(/%[0-9A-Fa-f]{2}/g, (byte) =>
    String.fromCharCode(Number.parseInt(byte.slice(1), 16)),
  )
}
