import type { FirstFailures } from './absences.ts'
import type { SecretCache } from './cache.ts'
import type { Clock } from './clock.ts'
import type { Entry } from './entry.ts'
import type { BreakerStatus, Explanation, Reading } from './reading.ts'
import type { Match } from './rules.ts'
import { isPattern } from './rules.ts'
import type { Source } from './source.ts'
import type { Unit } from './unit.ts'

export interface Explained {
  readonly match: Match
  readonly source: Source
  /** Undefined where nothing is fetched for the secret: nobody has asked for it yet, or it is not there. */
  readonly unit: Unit | undefined
  /** The list of keys in which its pattern is looked for. */
  readonly list?: Unit | undefined
  readonly cache: SecretCache
  readonly clock: Clock
}

/** All that is known of a secret, for people; never a value. */
export function explain({ match, source, unit, list, cache, clock }: Explained): Explanation {
  const { name, key, rule } = match
  const entry = cache.entry(name)
  const wallOf = (time: number | undefined): number | undefined =>
    time === undefined ? undefined : clock.wall() + (time - clock.now())
  const status = cache.status(name)
  const held = entry?.held
  const { failures, lastError } = failuresOf(entry, unit ?? list, cache.firstFailures(name))
  return {
    name,
    rule: rule.name,
    provider: rule.provider,
    key,
    field: rule.field,
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
    breaker: breakerOf(source, wallOf),
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

function inWords({ error, at }: NonNullable<Entry['attempts']['lastError']>): Explanation['lastError'] {
  return { kind: error.kind, reason: error.reason, message: error.message, at }
}

function breakerOf({ breaker }: Source, wallOf: WallOf): BreakerStatus {
  return { state: breaker.state, cause: breaker.cause, nextProbeAt: wallOf(breaker.probeAt) }
}
