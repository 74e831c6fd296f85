import { CodedError } from '../errors.ts'
import type { Glob } from '../secrets/glob.ts'
import { anyOf } from '../secrets/glob.ts'
import { isPattern } from '../secrets/rules.ts'

/**
 * How many patterns one request may name. Each is held against each change, on each stream: a thousand of them on a
 * hundred streams would stop everything for 2 ms a change, and a list may bring ten thousand changes. Names cost nothing.
 */
const mostPatterns = 32

/**
 * Whether somebody wants to hear of a secret: names, or patterns with one `*` that stands for at least one character, as
 * in the rules of the configuration. No pattern at all lets every name pass.
 *
 * @throws SIDEKEEP_BAD_REQUEST for a pattern that is none, and for too many
 */
export function nameFilter(patterns: readonly string[]): Glob {
  if (patterns.length === 0) return () => true
  for (const pattern of patterns) {
    if (pattern !== '' && pattern.indexOf('*') === pattern.lastIndexOf('*')) continue
    const detail =
      'The query parameter "name" is the name of a secret, or a pattern with one "*". It may be given several times.'
    throw new CodedError('SIDEKEEP_BAD_REQUEST', [detail])
  }
  if (patterns.filter(isPattern).length > mostPatterns) {
    const detail = `The query parameter "name" has more than ${mostPatterns} patterns. Names without a "*" may be as many as fit.`
    throw new CodedError('SIDEKEEP_BAD_REQUEST', [detail])
  }
  return anyOf(patterns)
}
