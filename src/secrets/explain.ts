import type { FirstFailures } from './absences.ts'
import type { SecretCache } from './cache.ts'
import { Chain } from './chain.ts'
import type { Clock } from './clock.ts'
import type { Entry } from './entry.ts'
import type { BreakerStatus, ExplainedPlace, Explanation, Reading } from './reading.ts'
import type { Match } from './rules.ts'
import { isPattern, placesOf } from './rules.ts'
import type { Unit } from './unit.ts'
import type { UnitSource } from './unit-source.ts'

export interface Explained {
  readonly match: Match
  readonly source: UnitSource
  /** Undefined where nothing is fetched for the secret: nobody has asked for it yet, or it is not there. */
  readonly unit: Unit | undefined
  /** The list of keys in which its pattern is looked for. */
  readonly list?: Unit | undefined
  readonly cache: SecretCache
  readonly clock: Clock
}

/** All that is known of a secret, for people; never a value. */
export function explain({ match, source, unit, list, cache, clock }: Explained): Explanation {
  const { name, rule } = match
  const entry = cache.entry(name)
  const wallOf = (time: number | undefined): number | undefined =>
    time === undefined ? undefined : clock.wall() + (time - clock.now())
  const status = cache.status(name)
  const held = entry?.held
  const { failures, lastError } = failuresOf(entry, unit ?? list, cache.firstFailures(name))
  const served = held?.served?.place ?? 0
  const { provider, key, field } = placesOf(match)[served] ?? { ...rule, key: match.key }
  const asked = source instanceof Chain ? (source.links[served] ?? source.first).source : source
  return {
    name,
    rule: rule.name,
    provider,
    key,
    field,
    fallback: source instanceof Chain ? placesIn(source, match, held, wallOf) : undefined,
    state: status?.state ?? absentState(cache.read(name)),
    required: rule.required && !isPattern(rule.name),
    version: status?.version,
    ageMs: status?.ageMs,
    refreshMs: rule.refreshMs,
    // What is leased is not fetched for its age.
    freshMs: held?.lease === undefined ? (held?.freshMs ?? rule.refreshMs) : rule.refreshMs,
    maxStaleMs: rule.maxStaleMs,
    lease: leaseOf(held, wallOf),
    fetchedAt: status?.fetchedAt,
    lastSuccessAt: status?.confirmedAt,
    lastError: lastError === undefined ? undefined : inWords(lastError),
    failures,
    // While one is under way, the plan is for its place in the queue.
    nextAttemptAt: wallOf(unit?.current === undefined ? unit?.plannedFor : undefined),
    expiresAt: status?.expiresAt,
    fetching: unit?.current !== undefined,
    parts: undefined,
    breaker: breakerOf(asked, wallOf),
    callersWaiting: unit?.waiting ?? 0,
  }
}

type WallOf = (time: number | undefined) => number | undefined

type Failed = Pick<Entry['attempts'], 'failures' | 'lastError'>

/** Of a secret that is not held: what is remembered of its name, or why its list could not be had. */
function failuresOf(
  entry: Entry | undefined,
  unit: Unit | undefined,
  first: FirstFailures | undefined,
): Failed {
  if (entry !== undefined) return entry.attempts
  if (first !== undefined) return { failures: first.attempts, lastError: first }
  return { failures: unit?.failures ?? 0, lastError: unit?.failure }
}

/** Of a pattern secret that is not held: by what is remembered of its name. */
function absentState(reading: Reading): Explanation['state'] {
  if (reading.kind === 'not-found') return 'missing'
  return reading.kind === 'undiscovered' ? 'undiscovered' : 'not-loaded'
}

function leaseOf(held: Entry['held'], wallOf: WallOf): Explanation['lease'] {
  if (held?.lease === undefined) return undefined
  const endsAt = wallOf(held.confirmedAt + held.servedMs)
  return endsAt === undefined ? undefined : { renewable: held.lease.renewable, endsAt }
}

/** A failure, for people. */
export function inWords({
  error,
  at,
}: NonNullable<Entry['attempts']['lastError']>): NonNullable<Explanation['lastError']> {
  return { kind: error.kind, reason: error.reason, message: error.message, at }
}

function placesIn(chain: Chain, match: Match, held: Entry['held'], wallOf: WallOf): ExplainedPlace[] {
  const places = placesOf(match)
  return chain.links.map(({ source, key }, place) => {
    const failure = chain.failureOf(place)
    return {
      provider: source.name,
      key,
      field: places[place]?.field,
      serves: held !== undefined && held.served?.place === place,
      lastError: failure === undefined ? undefined : inWords(failure),
      breaker: breakerOf(source, wallOf),
    }
  })
}

function breakerOf({ breaker }: Pick<UnitSource, 'breaker'>, wallOf: WallOf): BreakerStatus {
  return { state: breaker.state, cause: breaker.cause, nextProbeAt: wallOf(breaker.probeAt) }
}
