import { Entry, isSamePlace } from './entry.ts'
import type { Match, Rules } from './rules.ts'
import { isPattern } from './rules.ts'

/** What is held, by the rules that name it. */
export interface Groups {
  readonly declared: Map<string, Entry>
  /** The least recently used first. */
  readonly discovered: Entry[]
  /** Those that no rule names any more. */
  readonly gone: Entry[]
}

/** Sorts what is held by other rules than before: entries are kept, and know the rule that names them now. */
export function regroup(declared: Iterable<Entry>, discovered: Iterable<Entry>, rules: Rules): Groups {
  const groups: Groups = { declared: new Map(), discovered: [], gone: [] }
  for (const entry of [...discovered, ...declared]) {
    const match = rules.find(entry.match.name)
    if (match === undefined || isUnheldUnderPattern(entry, match)) groups.gone.push(entry)
    else {
      entry.reassign(match)
      if (entry.declared) groups.declared.set(match.name, entry)
      else groups.discovered.push(entry)
    }
  }
  for (const match of rules.declared) {
    if (!groups.declared.has(match.name)) groups.declared.set(match.name, new Entry(match))
  }
  return groups
}

/** A pattern secret that is not held has no entry: it is asked for when somebody wants it. */
function isUnheldUnderPattern(entry: Entry, { rule }: Match): boolean {
  return entry.held === undefined && isPattern(rule.name)
}

/** Whether a name that is not there is still a pattern secret of the same place. */
export function isStillCovered(name: string, before: Rules, after: Rules): boolean {
  const [old, now] = [before.find(name), after.find(name)]
  return old !== undefined && now !== undefined && isPattern(now.rule.name) && isSamePlace(old, now)
}

/** The patterns of a provider in one text, to compare. */
export function patternsOf(rules: Rules, provider: string): string {
  return JSON.stringify(rules.patternsOf(provider).map(({ name, key, field }) => [name, key, field]))
}

/** The names and patterns that rules have. */
export function namesOf({ declared, patterns }: Rules): Set<string> {
  const names = new Set(patterns.map(({ name }) => name))
  for (const { name } of declared) names.add(name)
  return names
}
