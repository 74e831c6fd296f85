import { FormatError, WriteError } from './content.ts'
import type { FileFailure } from './observer.ts'
import { NotRecorded } from './recording.ts'

/** What is held back, and what somebody can do about it. */
export interface Failure {
  readonly reason: FileFailure
  readonly message: string
  readonly remedy: string
  readonly error?: unknown
}

export function incomplete(secrets: readonly string[]): Failure {
  const some = secrets.slice(0, 3).map((name) => `"${name}"`)
  const rest = secrets.length > some.length ? ` and ${secrets.length - some.length} others` : ''
  return {
    reason: 'incomplete',
    message: `${some.join(', ')}${rest} had to make room in the cache`,
    remedy: 'Raise cache.maxEntries or cache.maxBytes, or declare the secrets that the file needs.',
  }
}

/** What is told of a file that could not be written or removed: never more than is known to be harmless. */
export function failureOf(path: string, error: unknown): Failure {
  if (error instanceof WriteError) {
    const { reason, message, remedy } = error
    return { reason, message, remedy, error: error.cause }
  }
  if (error instanceof FormatError) {
    const remedy = 'Change the secret, or choose another format.'
    return { reason: 'unfit', message: error.message, remedy }
  }
  if (error instanceof NotRecorded) {
    const remedy = 'Mend the audit, or set audit.onFailure to serve.'
    return { reason: 'audit', message: `cannot write ${path}: the audit cannot be written`, remedy }
  }
  // Of an error that nobody foresaw the message may quote anything.
  const message = `cannot write ${path}: it is a fault of Sidekeep`
  return { reason: 'io', message, remedy: 'Please report it.', error }
}
