import type { Explained, ExplainedPart } from './explained.ts'
import { ago, ahead, span } from './spans.ts'

/** One or a few sentences: how the secret is, what is wrong, what happens next. */
export function inPlainWords(explained: Explained, now: number): string {
  return [stateOf(explained, now), insteadOf(explained), troubleOf(explained, now), nextOf(explained, now)]
    .filter((sentence) => sentence !== '')
    .join(' ')
}

function stateOf(explained: Explained, now: number): string {
  const { state, key, lastSuccessAt, maxStaleSeconds } = explained
  const since = lastSuccessAt === null ? '' : ` ${ago(lastSuccessAt, now)}`
  if (explained.parts) return composedOf(explained.parts, state, since)
  const provider = explained.provider ?? ''
  switch (state) {
    case 'fresh':
      return `Fresh: the provider ${provider} confirmed it${since}.`
    case 'stale':
      return `Stale: overdue, but still served; the provider ${provider} confirmed it last${since}.`
    case 'expired':
      return `Expired, and not served any more: the provider ${provider} confirmed it last${since}, and it is served for ${span(maxStaleSeconds)} without that (maxStale), or until its lease ends.`
    case 'not-loaded':
      return `Not loaded: it has not been fetched from the provider ${provider} yet.`
    case 'missing':
      return `Missing: the provider ${provider} says that it has no "${key}".`
    case 'undiscovered':
      return `Not fetched: a pattern names it and nobody has asked for it yet; the first read fetches it.`
  }
}

function composedOf(parts: readonly ExplainedPart[], state: Explained['state'], since: string): string {
  const names = (wanted: readonly string[]): string =>
    parts
      .filter((part) => wanted.includes(part.state))
      .map(({ name }) => `"${name}"`)
      .join(', ')
  switch (state) {
    case 'fresh':
      return `Fresh: the oldest of its parts was confirmed${since}.`
    case 'stale':
      return `Stale, but still served: the oldest of its parts was confirmed${since}.`
    case 'expired':
      return `Expired, and not served any more, since a part is: ${names(['expired'])}.`
    case 'missing':
      return `Missing, since a part is: ${names(['missing'])}.`
    default:
      return `Not loaded: it is composed once all of its parts are there; waiting for ${names(['not-loaded'])}.`
  }
}

/** Why it is not from the provider that is asked first. */
function insteadOf({ fallback }: Explained): string {
  const [first, ...others] = fallback ?? []
  const serving = others.find(({ serves }) => serves)
  if (first === undefined || serving === undefined) return ''
  const { provider, lastError } = first
  const why = lastError === null ? '' : ` (${lastError.reason}: ${lastError.message})`
  return closed(`It is from ${serving.provider} in place of ${provider}, which was unavailable${why}`)
}

const troubles = {
  // It may well have answered: nonsense, or a list that is not believed.
  unavailable: 'has not confirmed it',
  denied: 'has refused the credential',
  throttled: 'has asked for fewer calls',
  // The state says as much already, where it is the secret itself that is missing.
  missing: 'has said that there is none',
} as const

/** What is wrong now; a failure that a success came after is only listed. */
function troubleOf(
  { state, provider, lastError, lastSuccessAt, failures, breaker }: Explained,
  now: number,
): string {
  const open = breaker.state === 'closed' ? '' : breakerOf(provider ?? '', breaker)
  if (failures === 0 || lastError === null) return open
  const { kind, reason, message } = lastError
  if (provider === null) return closed(`It could not be composed anew: ${message}`)
  if (state === 'missing' && kind === 'missing') return open
  const since =
    lastSuccessAt === null ? '' : ` for ${span(Math.max(0, now - Date.parse(lastSuccessAt)) / 1_000)}`
  const what = reason === 'circuit-open' ? 'is not being asked' : troubles[kind]
  const times = failures === 1 ? 'the last attempt failed' : `the last ${failures} attempts failed`
  const sentence = `The provider ${provider} ${what}${kind === 'unavailable' ? since : ''} (${reason}): ${times}. The last failure: ${closed(message)}`
  return open === '' ? sentence : `${sentence} ${open}`
}

function breakerOf(provider: string, { state, cause }: Explained['breaker']): string {
  const why = cause === 'denied' ? 'refuses everything' : 'has failed too often'
  return state === 'half-open'
    ? `The provider ${provider} ${why}; one call is trying it now.`
    : `The provider ${provider} ${why}, so most calls are kept from it (its circuit breaker is open).`
}

function nextOf({ state, fetching, nextAttemptAt, failures, breaker }: Explained, now: number): string {
  if (fetching) return 'It is being fetched now.'
  if (nextAttemptAt === null)
    return state === 'undiscovered' ? '' : 'It is fetched when somebody asks for it.'
  const healthy = failures === 0 && state === 'fresh'
  const probe = breaker.nextProbeAt
  const next = probe !== null && Date.parse(probe) > Date.parse(nextAttemptAt) ? probe : nextAttemptAt
  return `Next ${healthy ? 'refresh' : 'attempt'} ${ahead(next, now)}.`
}

/** Messages of providers end with a full stop, or do not. */
function closed(message: string): string {
  return /[.!?]$/.test(message) ? message : `${message}.`
}
