import type { RunOutcome } from './outcome.ts'
import { firstError } from './outcome.ts'
import { ProviderError } from './provider.ts'
import type { Run } from './run.ts'

/** How a run ended, as far as the next one depends on it. */
export interface Ending {
  readonly run: Run
  readonly outcome: RunOutcome
  /**
   * Why it failed, wholly or, where a key was asked for, for one of its secrets. Of a list, that one secret could not be
   * had is no failure: the others would be fetched again for it, and wait for its backoff.
   */
  readonly error: ProviderError | undefined
  /** From the question to the answer, in milliseconds. */
  readonly tookMs: number
}

/** @param key what was asked for; undefined: a list */
export function endingOf(key: string | undefined, run: Run, outcome: RunOutcome, tookMs: number): Ending {
  const error = outcome.failure ?? (key === undefined ? undefined : firstError(outcome))
  return { run, outcome, error, tookMs }
}

/** Whether the provider was not called since it is being left alone for a while. */
export function isLeftAlone({ run, error }: Ending): boolean {
  return run.began === undefined && (error?.reason === 'circuit-open' || error?.kind === 'throttled')
}

/**
 * Whether the provider was not called: it is being left alone, or the turn did not come, since too many wait or patience
 * ended. That is no failure of what is kept: nobody is told of one, so that nobody is told of its end either.
 */
export function isRefused(ending: Ending): boolean {
  return hadNoTurn(ending) || isLeftAlone(ending)
}

/** Whether its turn did not come: too many calls waited already, or patience ended in the queue. */
export function hadNoTurn({ run, error }: Ending): boolean {
  return run.began === undefined && (error?.reason === 'busy' || error?.reason === 'timeout')
}

/**
 * Whether an ending says nothing of a name that was fetched for the first time. An open breaker answers at once by
 * itself, and knows better than a memory when it no longer will; and that somebody's patience ended in the queue is
 * nothing to remember of the name.
 */
export function saysNothing({ run, error }: Ending): boolean {
  return error?.reason === 'circuit-open' || (run.began === undefined && error?.reason === 'timeout')
}

/** Whether the run brought something for one of its secrets, whatever became of the others. */
export function broughtSomething({ outcome }: Ending): boolean {
  for (const each of outcome.secrets.values()) if (!(each instanceof ProviderError)) return true
  return false
}

/** Whether a renewal failed because the lease cannot be renewed, rather than that it could not be just now. */
export function endedLease({ run, error }: Ending): boolean {
  return run.renews && run.began !== undefined && (error?.kind === 'missing' || error?.kind === 'denied')
}
