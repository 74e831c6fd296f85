import type { writeFailures } from './content.ts'
import type { NotifyObserver } from './notify/observer.ts'

/**
 * Why a file is not current. `unfit`: the format cannot say these secrets. `incomplete`: a secret that is in it is neither
 * held nor said to be missing. `audit`: what is given to files has to be recorded first, and cannot be. The others:
 * `WriteError`.
 */
export type FileFailure = (typeof fileFailures)[number]

export const fileFailures = [
  'full',
  'denied',
  'place',
  'io',
  'unfit',
  'incomplete',
  'audit',
] as const satisfies readonly ((typeof writeFailures)[number] | 'unfit' | 'incomplete' | 'audit')[]

/** What the room tells the log and the metrics. Never a value. */
export interface FilesObserver extends NotifyObserver {
  /** A file is kept from now on: what is counted of it is shown as 0 before it happens. */
  added(event: { path: string; notifications: readonly string[] }): void
  /** A file is kept no longer, and nothing of it is to be removed any more. */
  dropped(event: { path: string }): void
  /** Nothing is written before these are known: names of secrets, and of patterns. Told when others are waited for, or half of them are known. */
  waits(event: { path: string; secrets: readonly string[] }): void
  /** @param event `secrets`: how many are in it */
  written(event: { path: string; secrets: number }): void
  /** What lies there is right already. */
  unchanged(event: { path: string; secrets: number }): void
  /** Nothing lies there any more: a secret that it needs is gone, or the configuration does not name it any more. */
  removed(event: { path: string; cause: 'gone' | 'expired' | 'configuration' }): void
  /** What lies there is left as it was. */
  failed(event: {
    path: string
    reason: FileFailure
    message: string
    remedy: string
    error?: unknown
    /** How many attempts have failed in a row. */
    attempt: number
    nextTryMs: number
  }): void
  /** It is current again after `attempts` that had failed. */
  recovered(event: { path: string; attempts: number }): void
  /** It lies on a disk rather than in memory. */
  onDisk(event: { path: string }): void
  /** What a run that was killed had begun to write beside it is gone. */
  swept(event: { path: string; leftovers: number }): void
}
