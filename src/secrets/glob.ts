/** Whether a name matches a pattern. */
export type Glob = (name: string) => boolean

/**
 * Reads a pattern of names, in which each `*` stands for at least one character, slashes too, as in the rules of the
 * configuration. Without a `*` it is a name, and only that matches. It takes time in proportion to the two lengths
 * multiplied at the worst, whatever they are: no regular expression is made of it.
 */
export function globOf(pattern: string): Glob {
  const [before = '', ...rest] = pattern.split('*')
  const after = rest.pop()
  if (after === undefined) return (name) => name === pattern
  return (name) => {
    if (!name.startsWith(before)) return false
    let at = before.length
    for (const part of rest) {
      const found = name.indexOf(part, at + 1)
      if (found < 0) return false
      at = found + part.length
    }
    return name.length - after.length > at && name.endsWith(after)
  }
}

/** Whether a name matches one of the patterns. */
export function anyOf(patterns: readonly string[]): Glob {
  const names = new Set(patterns.filter((pattern) => !pattern.includes('*')))
  const globs = patterns.filter((pattern) => pattern.includes('*')).map(globOf)
  return (name) => names.has(name) || globs.some((matches) => matches(name))
}
