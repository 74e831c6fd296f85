const entityTag = /(?:W\/)?"[\x21\x23-\x7e\x80-\xff]*"/g

/**
 * Whether a request's If-None-Match names what would be sent (RFC 9110, section 13.1.2): `*` names anything, a list
 * whatever tag of it matches. What is no entity tag is passed over.
 *
 * @param etag the tag of what would be sent
 * @param matches whether a further tag stands for the same
 */
export function noneMatchFails(header: string, etag: string, matches: (tag: string) => boolean): boolean {
  if (header === etag) return true
  if (header.trim() === '*') return true
  for (const [tag] of header.matchAll(entityTag)) if (matches(tag)) return true
  return false
}
