/**
 * What keys that fit one of the patterns begin with: the shortest that cover all; `''` alone where any key may fit. A
 * prefix that no key can have is left out.
 *
 * @param patterns keys with one `*`
 * @param possible what keys may consist of
 */
export function literalPrefixes(patterns: readonly string[], possible: RegExp): string[] {
  const prefixes = patterns.map((pattern) => pattern.split('*')[0] ?? '').filter((one) => possible.test(one))
  const shortest: string[] = []
  for (const prefix of prefixes.toSorted()) {
    // Sorted, what covers a prefix stands before it, and nothing between the two that it does not cover as well.
    const last = shortest.at(-1)
    if (last === undefined || !prefix.startsWith(last)) shortest.push(prefix)
  }
  return shortest
}
