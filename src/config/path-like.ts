/** Linux, limits.h: PATH_MAX and NAME_MAX, in bytes. */
const longestPath = 4096
const longestSegment = 255

/**
 * Whether a text may be shown as a path: in place of its path, somebody may have written the secret itself. Not what a
 * file system could not hold, nor what has the look of JSON, of PEM (RFC 7468) or of a token (RFC 7519: its header is
 * JSON in base64url, and so begins with `eyJ`).
 */
export function isPathLike(text: string): boolean {
  return (
    Buffer.byteLength(text) <= longestPath &&
    text.split('/').every((segment) => Buffer.byteLength(segment) <= longestSegment) &&
    !/[\p{Cc}\p{Cf}\u2028\u2029{}"]|-----|eyJ[\w-]+\.[\w-]+/u.test(text)
  )
}
