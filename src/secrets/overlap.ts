/**
 * Whether some name may match both patterns, in which each `*` stands for any characters. What their literal beginnings
 * and ends do not rule out counts as possible: between two that are not compared further the answer is true.
 */
export function mayOverlap(a: string, b: string): boolean {
  const [beforeA, afterA] = endsOf(a)
  const [beforeB, afterB] = endsOf(b)
  const isBegun = beforeA.startsWith(beforeB) || beforeB.startsWith(beforeA)
  return isBegun && (afterA.endsWith(afterB) || afterB.endsWith(afterA))
}

/** What stands before the first `*` and after the last. */
function endsOf(pattern: string): [before: string, after: string] {
  return [pattern.slice(0, pattern.indexOf('*')), pattern.slice(pattern.lastIndexOf('*') + 1)]
}
