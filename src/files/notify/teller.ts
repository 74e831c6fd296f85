import type { FileChange } from '../content.ts'

/** By which of its three options a notification is told. */
export type NotifyKind = 'http' | 'signal' | 'exec'

/** How one notification is told, once: when, and how often, is another's affair. */
export interface Teller {
  readonly kind: NotifyKind
  /**
   * Resolves once it is told, and nothing of the telling is left. Rejects with a NotifyError; where the signal aborts,
   * with anything, and as soon as nothing is left.
   */
  tell(change: FileChange, signal: AbortSignal): Promise<void>
}
