import { CodedError } from '../errors.ts'
import { ProviderError } from './provider.ts'

/** What calls end with once their source is closed. */
export function aborted(name: string): ProviderError {
  return new ProviderError(
    'unavailable',
    'aborted',
    `the call to ${name} was given up: the sidecar is stopping`,
  )
}

/** An error of unknown origin may quote anything, a value too: its message goes no further. */
export function toProviderError(name: string, error: unknown): ProviderError {
  if (error instanceof ProviderError) return error
  if (error instanceof CodedError) {
    return new ProviderError('unavailable', 'credential', `${name}: ${error.message}`, { cause: error })
  }
  const kind = error instanceof Error ? error.name : typeof error
  return new ProviderError(
    'unavailable',
    'internal',
    `${name} failed in a way that it does not foresee (${kind})`,
  )
}
