import type { Path, Problem } from '../problems.ts'
import { type Raw, valueAt } from '../raw.ts'

/** A rule between options that is broken. */
export interface Crossing {
  readonly problem: Problem
  /** The options that the rule looked at: where one is wrong by itself, the rule has nothing to say. */
  readonly about: readonly Path[]
}

/** What the rules between options find. */
export interface Findings {
  readonly problems: readonly Crossing[]
  /** What is allowed and probably not meant; whole sentences that hold no value. */
  readonly warnings: readonly string[]
}

/** Whether somebody wrote the option, whatever its default is. */
export function isWritten(raw: Raw, path: Path): boolean {
  return valueAt(raw.value, path) !== undefined
}

const longestList = 10

/** Names for a message; of many only the first. */
export function shortList(names: readonly string[]): string {
  const listed = names.slice(0, longestList).join(', ')
  return names.length > longestList ? `${listed} and ${names.length - longestList} more` : listed
}
