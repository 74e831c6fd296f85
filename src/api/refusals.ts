import { CodedError } from '../errors.ts'
import type { ProviderError } from '../secrets/provider.ts'
import type { Reading, RefreshResult } from '../secrets/reading.ts'
import { wholeSeconds } from './item.ts'

/** Readers are not told which, so that a name says nothing of what there is. */
const eitherWay = 'either no rule of the configuration names it, or its provider does not have it'

/** There is nothing to read. */
export function notFound(name: string): CodedError {
  return new CodedError('SIDEKEEP_SECRET_NOT_FOUND', [name, eitherWay])
}

/** There is nothing to explain: what a provider does not have is explained as well. */
export function notNamed(name: string): CodedError {
  return new CodedError('SIDEKEEP_SECRET_NOT_FOUND', [name, 'no rule of the configuration names it'])
}

/** Why a reading has no value to serve. */
export function unreadable(name: string, reading: Exclude<Reading, { kind: 'held' }>): CodedError {
  switch (reading.kind) {
    case 'not-loaded': {
      const { reason, retryAfterMs } = reading
      return new CodedError('SIDEKEEP_SECRET_NOT_LOADED', [name, phrase(reason)], { retryAfterMs })
    }
    case 'expired': {
      const { ageMs, retryAfterMs } = reading
      return new CodedError('SIDEKEEP_SECRET_EXPIRED', [name, wholeSeconds(ageMs)], { retryAfterMs })
    }
    case 'not-found':
    case 'undiscovered':
      return notFound(name)
  }
}

/** Why a refresh that was asked for brought nothing; undefined where it did. */
export function refreshRefusal(name: string, result: RefreshResult): CodedError | undefined {
  if (result.outcome === 'not-found') return notFound(name)
  return result.outcome === 'failed' ? fetchRefusal(name, result.error) : undefined
}

/** The provider failed: its message is made of fixed words and names and may be shown. */
export function fetchRefusal(name: string, error: ProviderError): CodedError {
  const { kind, reason } = error
  const message = phrase(error.message)
  if (kind === 'missing') return notFound(name)
  if (kind === 'throttled') {
    const retryAfterMs = error.retryAfterMs ?? 1_000
    return new CodedError('SIDEKEEP_REFRESH_THROTTLED', [name, message], { retryAfterMs })
  }
  if (reason === 'aborted') return new CodedError('SIDEKEEP_SHUTTING_DOWN')
  if (reason === 'timeout') return refreshTimedOut(name, message)
  return new CodedError('SIDEKEEP_REFRESH_FAILED', [name, message])
}

/** A message of a provider is a sentence; here it stands within one of ours. */
function phrase(message: string): string {
  return message.replace(/\.$/, '')
}

export function refreshTimedOut(name: string, detail: string): CodedError {
  return new CodedError('SIDEKEEP_REFRESH_TIMED_OUT', [name, detail])
}
