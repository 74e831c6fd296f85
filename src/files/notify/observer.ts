import type { NotifyError } from './error.ts'
import type { NotifyKind } from './teller.ts'

export interface NotifyObserver {
  /**
   * An attempt to tell somebody has ended. Never a value; names of secrets alone. What was under way when the notifier
   * was closed is not told of.
   */
  told(event: {
    /** Of the file. */
    path: string
    kind: NotifyKind
    /** Its place in the list of the file's notifications, from 0. */
    index: number
    /** `given-up`: the attempt failed and no other follows, until the file changes again. */
    outcome: 'ok' | 'failed' | 'given-up'
    /** How many attempts there were for this change, from 1. */
    attempt: number
    changed: readonly string[]
    /** Unless `ok`. */
    error?: NotifyError
    /** With `failed`: milliseconds until the next attempt, unless the file changes before. */
    nextTryMs?: number
  }): void
}
