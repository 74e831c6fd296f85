import type { RunOutcome } from './outcome.ts'
import type { ProviderError } from './provider.ts'
import type { Match } from './rules.ts'
import type { Source } from './source.ts'

/**
 * What one call to a provider refreshes, and so what has a time, a backoff and at most one call under way: everything
 * of a provider that lists all in one call, else one key.
 */
export class Unit {
  readonly id: string
  readonly source: Source
  /** Undefined: everything of the source. */
  readonly key: string | undefined
  /** The secrets that the unit refreshes, by name; those that a list discovers for a pattern are not among them. */
  readonly matches = new Map<string, Match>()
  /** The run that is under way. Everyone who wants a fetch now shares it. */
  running: Promise<RunOutcome> | undefined
  /** How many runs in a row failed, for the whole unit or for one of its secrets. */
  failures = 0
  /** How many runs in a row, but for those that failed, found a declared secret missing. */
  misses = 0
  /** Why the last run brought nothing at all. */
  failure: ProviderError | undefined
  /** The run that is under way, or about to be, was asked for by a caller. */
  forced = false
  /** Something changed at the backend while a run was under way that may have read what was before. */
  again = false

  constructor(source: Source, key: string | undefined) {
    this.id = unitId(source.name, key)
    this.source = source
    this.key = key
  }

  get isRequired(): boolean {
    return this.matches.values().some((match) => match.rule.required)
  }
}

/** A provider's name has no slash, a key may have any: the two cannot run into each other. */
export function unitId(source: string, key: string | undefined): string {
  return key === undefined ? source : `${source}/${key}`
}
