import type { SecretCache } from './cache.ts'
import { isPattern } from './rules.ts'
import type { Unit } from './unit.ts'

/** Whether a unit keeps something current, rather than being the first fetch of a name that a caller chose. */
export function isKept({ key, matches }: Unit, cache: SecretCache): boolean {
  if (key === undefined) return true
  return matches.values().some(({ name, rule }) => !isPattern(rule.name) || cache.entry(name) !== undefined)
}
