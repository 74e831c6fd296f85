import { CodedError } from '../errors.ts'

/** Whether somebody wants to hear of a secret. */
export type NameFilter = (name: string) => boolean

/**
 * Names, or patterns with one `*` that stands for at least one character, as in the configuration. No pattern at all
 * lets every name pass.
 *
 * @throws SIDEKEEP_BAD_REQUEST for a pattern that is none
 */
export function nameFilter(patterns: readonly string[]): NameFilter {
  if (patterns.length === 0) return () => true
  const names = new Set<string>()
  const wild: NameFilter[] = []
  for (const pattern of patterns) {
    const [before = '', after, ...more] = pattern.split('*')
    if (pattern === '' || more.length > 0) {
      const detail =
        'The query parameter "name" is the name of a secret, or a pattern with one "*". It may be given several times.'
      throw new CodedError('SIDEKEEP_BAD_REQUEST', [detail])
    }
    if (after === undefined) names.add(pattern)
    else wild.push((name) => name.length >= pattern.length && name.startsWith(before) && name.endsWith(after))
  }
  return (name) => names.has(name) || wild.some((matches) => matches(name))
}
