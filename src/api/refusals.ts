import type { Caller, Right } from '../access/caller.ts'
import { CodedError } from '../errors.ts'
import type { ProviderError } from '../secrets/provider.ts'
import type { Reading, RefreshResult } from '../secrets/reading.ts'
import { wholeSeconds } from './item.ts'

/** Readers are not told which, so that a name says nothing of what there is. */
const eitherWay = 'either no rule of the configuration names it, or its provider does not have it'

/** As many connections are worked for as may be. */
export function tooManyConnections({ max }: { readonly max: number }): CodedError {
  return new CodedError('SIDEKEEP_TOO_MANY_CONNECTIONS', [max], { retryAfterMs: 1_000 })
}

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

/** The caller may not do this, with whatever secret. */
export function lacksRight(caller: Caller, right: Right): CodedError {
  const detail = `${whose(caller)} may not do this: the right "${right}" is missing. ${remedy(caller, 'rights')}`
  return new CodedError('SIDEKEEP_NOT_ALLOWED', [detail])
}

/** The secret is not for this caller. It says the same of every name, so that it says nothing of what there is. */
export function notForCaller(caller: Caller, name: string): CodedError {
  const detail = `${whose(caller)} may not ask for "${name}", whether or not there is such a secret. ${remedy(caller, 'allow')}`
  return new CodedError('SIDEKEEP_NOT_ALLOWED', [detail])
}

/** What was asked for speaks of all secrets, and some are not for this caller. */
export function notForAll(caller: Caller): CodedError {
  const detail = `${whose(caller)} may not ask for this, which names every secret: that takes an allow-list of "*", or none. ${remedy(caller, 'allow')}`
  return new CodedError('SIDEKEEP_NOT_ALLOWED', [detail])
}

/** What a caller was let in for ended while it waited: its token was voided, or what it may do is something else now. */
export function letInNoLonger({ name }: Caller): CodedError {
  if (name !== undefined) return new CodedError('SIDEKEEP_TOKEN_INVALID')
  return new CodedError('SIDEKEEP_NOT_ALLOWED', [
    'What may be asked for here has changed while this request was waiting. Ask again.',
  ])
}

function whose({ name }: Caller): string {
  return name === undefined ? 'Whoever asks here' : `The caller "${name}"`
}

/** The option is named from its listener on: a caller need not know where that stands in the configuration. */
function remedy({ name, listener }: Caller, option: 'allow' | 'rights'): string {
  const path = name === undefined ? option : `callers.${name}.${option}`
  return `The option is ${path} of the listener ${listener}.`
}
