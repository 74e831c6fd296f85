import { ProviderError } from '../../secrets/provider.ts'
import { Malformed } from '../shared/malformed.ts'

/** A failed look at the file system as the provider's error. Node's own error names a path and a code, never content. */
export function fileFailure(place: string, error: unknown): ProviderError {
  if (error instanceof ProviderError) return error
  if (error instanceof Malformed) {
    return new ProviderError('unavailable', error.reason, `${place}: ${error.message}.`)
  }
  const code = codeOf(error)
  if (code === 'EACCES' || code === 'EPERM') {
    const words = `may not be read (${code}). Check its owner and mode, and the user of the sidecar.`
    return new ProviderError('denied', 'denied', `${place}: ${words}`, { cause: error })
  }
  if (code === undefined) return new ProviderError('unavailable', 'internal', `${place}: reading failed.`)
  const words = isAbsent(error) ? 'is not there. Check path and what is mounted' : 'cannot be read'
  return new ProviderError('unavailable', 'io', `${place}: ${words} (${code}).`, { cause: error })
}

/** True where the error says that there is nothing at the path. */
export function isAbsent(error: unknown): boolean {
  const code = codeOf(error)
  return code === 'ENOENT' || code === 'ENOTDIR'
}

export function codeOf(error: unknown): string | undefined {
  return error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : undefined
}
