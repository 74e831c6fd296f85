import { ProviderError } from '../../secrets/provider.ts'

/** Throws a ProviderError where the caller has given up. */
export function throwIfAborted(signal: AbortSignal, place: string): void {
  if (signal.aborted) throw new ProviderError('unavailable', 'aborted', `${place}: the fetch was given up.`)
}
