import { pauseWhenThrottled } from './backoff.ts'
import { ProviderError } from './provider.ts'

/** What the end of a call says of the provider as a whole. */
export type Verdict =
  /** It answered what it was asked: a value, or that there is none. */
  | { readonly said: 'answer' }
  | { readonly said: 'unavailable' | 'denied' | 'throttled'; readonly error: ProviderError }
  /** It is there, and no more can be said: its answers differ, or it no longer renews a lease. */
  | { readonly said: 'something' }
  /** It is there, but what went wrong speaks of one value only. */
  | { readonly said: 'one-value' }
  /** The call was given up by us. */
  | { readonly said: 'nothing' }

type Answers = ReadonlyMap<string, unknown>

const answered: Verdict = { said: 'answer' }

export function verdictOf(error: ProviderError): Verdict {
  if (error.reason === 'aborted') return { said: 'nothing' }
  if (error.reason === 'oversized') return { said: 'one-value' }
  return error.kind === 'missing' ? answered : { said: error.kind, error }
}

/**
 * Of an answer with a value or an error for each key. A few bad keys among good ones say nothing of the provider; when
 * all keys asked for went wrong in the same way, nothing could be fetched, as if the call itself had failed.
 */
export function verdictOfKeys(keys: readonly string[], answers: Answers): Verdict {
  const verdicts = keys.map((key) => verdictOfEntry(answers.get(key)))
  const throttled = longestPause(verdicts)
  if (throttled !== undefined) return throttled
  const [first = answered] = verdicts
  if (verdicts.every(({ said }) => said === first.said)) return first
  return verdicts.some(({ said }) => said === 'answer') ? answered : { said: 'something' }
}

/** Of a list: what is wrong with its entries is wrong with them alone, but for being asked to slow down. */
export function verdictOfList(answers: Answers): Verdict {
  return longestPause(answers.values().map(verdictOfEntry)) ?? answered
}

/** Of a lease that was not renewed: *denied* means that this lease is over, and says nothing of the credential. */
export function verdictOfRenewal(error: ProviderError): Verdict {
  return error.kind === 'denied' ? { said: 'something' } : verdictOf(error)
}

/**
 * Of a list of keys: who may list may not read for that, nor the other way round. Only that it is there, or not, is said
 * of the provider.
 */
export function verdictOfKeyList(error: ProviderError): Verdict {
  return error.kind === 'denied' || error.kind === 'missing' ? { said: 'something' } : verdictOf(error)
}

function verdictOfEntry(answer: unknown): Verdict {
  return answer instanceof ProviderError ? verdictOf(answer) : answered
}

/** Of several that ask for fewer calls the one that asks for the longest pause. */
function longestPause(verdicts: Iterable<Verdict>): Verdict | undefined {
  let longest: Verdict | undefined
  let longestMs = Number.NEGATIVE_INFINITY
  for (const verdict of verdicts) {
    if (verdict.said !== 'throttled') continue
    const pauseMs = verdict.error.retryAfterMs ?? pauseWhenThrottled
    // Not Math.max: a NaN is no time.
    if (longest !== undefined && !(pauseMs > longestMs)) continue
    longest = verdict
    longestMs = pauseMs > 0 ? pauseMs : 0
  }
  return longest
}
