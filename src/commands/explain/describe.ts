import type { Explained, ExplainedPart, ExplainedPlace } from './explained.ts'
import { ago, ahead, span } from './spans.ts'

/** Everything, a line each, in two columns. What there is nothing of has no line. */
export function describe(explained: Explained, now: number): string {
  const lines = linesOf(explained, now).filter((line): line is [string, string] => line[1] !== undefined)
  const width = Math.max(...lines.map(([label]) => label.length))
  return lines.map(([label, text]) => `${label.padEnd(width)}  ${text}`).join('\n')
}

function linesOf(explained: Explained, now: number): [label: string, text: string | undefined][] {
  const { name, rule, provider, key, field, state, required, version, lease, lastError, breaker } = explained
  const isComposed = (explained.parts ?? null) !== null
  const past = (time: string | null) => (time === null ? undefined : `${time} (${ago(time, now)})`)
  const future = (time: string | null) => (time === null ? undefined : `${time} (${ahead(time, now)})`)
  return [
    ['name', required ? `${name} (required)` : name],
    ['rule', rule],
    ['provider', provider ?? undefined],
    ['key', key ?? undefined],
    ...partsOf(explained),
    ['field', field ?? undefined],
    ...placesOf(explained, now),
    ['state', state],
    ['version', version ?? undefined],
    ['age', explained.ageSeconds === null ? undefined : span(explained.ageSeconds)],
    [
      'refresh',
      // What is leased lives by its lease alone, and what is composed by its parts.
      lease === null && !isComposed
        ? `every ${intervalOf(explained)}, served for ${span(explained.maxStaleSeconds)} without`
        : undefined,
    ],
    [
      'lease',
      lease === null
        ? undefined
        : `${lease.renewable ? 'renewable' : 'not renewable'}, until ${future(lease.endsAt)}`,
    ],
    ['fetched', past(explained.fetchedAt)],
    ['last success', past(explained.lastSuccessAt)],
    ['last failure', lastError === null ? undefined : past(lastError.at)],
    ['', lastError === null ? undefined : `${lastError.kind} (${lastError.reason}): ${lastError.message}`],
    ['failures', explained.failures === 0 ? undefined : `${explained.failures} in a row`],
    ['next attempt', explained.fetching ? 'under way' : future(explained.nextAttemptAt)],
    ['served until', future(explained.expiresAt)],
    ['breaker', isComposed ? undefined : breakerOf(breaker, now)],
    ['waiting', waitingOf(explained)],
  ]
}

function partsOf({ parts }: Explained): [label: string, text: string][] {
  return (parts ?? []).map((part, index) => [index === 0 ? 'made of' : '', partOf(part)])
}

function partOf({ name, state, version, ageSeconds }: ExplainedPart): string {
  const held = version === null ? '' : `, version ${version}`
  return `${name}: ${state}${held}${ageSeconds === null ? '' : `, ${span(ageSeconds)} old`}`
}

/** A line each, in the order in which they are asked. */
function placesOf({ fallback }: Explained, now: number): [label: string, text: string][] {
  return (fallback ?? []).map((place, index) => [index === 0 ? 'asked' : 'then', placeOf(place, now)])
}

function placeOf({ provider, key, field, serves, lastError, breaker }: ExplainedPlace, now: number): string {
  const where = `${provider} "${key}"${field === null ? '' : `, field "${field}"`}`
  const open = breaker.state === 'closed' ? '' : `, breaker ${breakerOf(breaker, now)}`
  const failed =
    lastError === null
      ? ''
      : `: ${lastError.kind} (${lastError.reason}) ${ago(lastError.at, now)}: ${lastError.message}`
  return `${where}${serves ? ', serves' : ''}${open}${failed}`
}

function breakerOf({ state, cause, nextProbeAt }: Explained['breaker'], now: number): string {
  const why = cause === null ? '' : ` (${cause})`
  return nextProbeAt === null ? `${state}${why}` : `${state}${why}, next call ${ahead(nextProbeAt, now)}`
}

function intervalOf({ refreshSeconds, freshSeconds }: Explained): string {
  if (freshSeconds >= refreshSeconds) return span(refreshSeconds)
  return `${span(freshSeconds)} (the provider's ttl; the rule says ${span(refreshSeconds)})`
}

function waitingOf({ callersWaiting, waiters }: Explained): string {
  return `${callersWaiting} for a fetch, ${waiters} for a change`
}
