import { Matches } from './matches.ts'
import type { ProviderError } from './provider.ts'
import type { Run } from './run.ts'
import type { Job } from './schedule.ts'
import type { UnitSource } from './unit-source.ts'

/**
 * What one call to a provider refreshes, and so what has a time, a backoff and at most one call under way: everything
 * of a provider that lists all in one call, else one key, or the list of the keys that there are. There may be a hundred thousand of them: what only a few of
 * them have at a time is one member that is undefined in the others.
 */
export class Unit implements Job {
  readonly source: UnitSource
  /** Undefined: everything of the source, or all its keys. */
  readonly key: string | undefined
  /** The secrets that the unit refreshes, by name; those that a list discovers for a pattern are not among them. */
  readonly matches = new Matches()
  plannedFor: number | undefined
  slot = -1
  /** The run that is under way. Everyone who wants a fetch now shares it. */
  current: Run | undefined
  /** How many runs in a row failed: a list as a whole, a key also for one of the secrets that it stands for. */
  failures = 0
  /** How many runs in a row, but for those that failed, found a declared secret missing. */
  misses = 0
  /** Why the last run brought nothing at all. */
  failure: Failure | undefined
  /** When the provider was last called for it, and when the call began that last succeeded, on the monotonic clock. */
  calledAt: number | undefined
  succeededAt: number | undefined
  /** When its last run ended, on the monotonic clock. */
  endedAt: number | undefined
  /**
   * It comes when its interval says, at a time of its own. Else it comes when other things of this sidecar or of others
   * may come too: after a failure, a push, a forced refresh.
   */
  paced = false
  /** Something changed at the backend while a run was under way that may have read what was before. */
  again = false
  /** The next run fetches, though a lease could be renewed. */
  mustFetch = false
  /** The next run only asks those places that come before the one whose lease is held. */
  looksBack = false
  /**
   * What is held is not offered to be confirmed: somebody reported that a backend refuses it, or the provider has confirmed
   * what it was not told of. Until a call that began since has brought it in full.
   */
  isDoubted = false
  /** How many callers wait for a run of it. */
  waiting = 0
  /** It is no longer among the refresher's units; a run that is under way ends for nobody, or for `successor`. */
  retired = false
  /** The unit that took its place, where whoever waits for this one is served. */
  successor: Unit | undefined
  readonly #onDue: (unit: Unit) => void

  constructor(source: UnitSource, key: string | undefined, onDue: (unit: Unit) => void) {
    this.source = source
    this.key = key
    this.#onDue = onDue
  }

  /** It lists keys, whose values are the affair of other units: no secret is fetched by it. */
  get listsKeys(): boolean {
    return this.key === undefined && this.source.listsKeys
  }

  get isRequired(): boolean {
    for (const { rule } of this.matches.values()) if (rule.required) return true
    return false
  }

  /** Waits for what concerns the unit, as one of its callers. */
  async waitedFor<T>(work: Promise<T>): Promise<T> {
    this.waiting += 1
    try {
      return await work
    } finally {
      this.waiting -= 1
    }
  }

  /** As the schedule calls it when the time has come. */
  run(): void {
    this.#onDue(this)
  }
}

export interface Failure {
  readonly error: ProviderError
  /** When the run ended, in milliseconds since the epoch. */
  readonly at: number
  /** The backend asked for no call before this time, on the monotonic clock. */
  readonly quietUntil: number | undefined
  /** How many runs in a row had no turn at the provider, up to this one; 0 where it had one. */
  readonly lostTurns: number
}
