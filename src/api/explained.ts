import type {
  BreakerStatus,
  ExplainedError,
  ExplainedPart,
  ExplainedPlace,
  Explanation,
} from '../secrets/reading.ts'
import { timestamp, wholeSeconds } from './item.ts'

/** An explanation as it is answered: times as RFC 3339, spans in seconds, null where there is nothing. Never a value. */
export type Explained = ReturnType<typeof explained>

/**
 * @param waiters how many callers wait for the secret to change
 * @param mayKnow which of the parts of a composed secret are told; why it could not be made names them only to who may
 *   know all of them
 */
export function explained(
  explanation: Explanation,
  waiters: number,
  mayKnow: (name: string) => boolean = () => true,
) {
  const { lease, lastError, breaker } = explanation
  return {
    name: explanation.name,
    rule: explanation.rule,
    provider: explanation.provider ?? null,
    key: explanation.key ?? null,
    field: explanation.field ?? null,
    fallback: explanation.fallback?.map(placeOf) ?? null,
    parts: explanation.parts?.filter(({ name }) => mayKnow(name)).map(partOf) ?? null,
    state: explanation.state,
    required: explanation.required,
    version: explanation.version ?? null,
    ageSeconds: explanation.ageMs === undefined ? null : wholeSeconds(explanation.ageMs),
    refreshSeconds: explanation.refreshMs / 1_000,
    freshSeconds: explanation.freshMs / 1_000,
    maxStaleSeconds: explanation.maxStaleMs / 1_000,
    lease: lease === undefined ? null : { renewable: lease.renewable, endsAt: timestamp(lease.endsAt) },
    fetchedAt: timestamp(explanation.fetchedAt),
    lastSuccessAt: timestamp(explanation.lastSuccessAt),
    lastError: errorOf(lastError, mayKnow),
    failures: explanation.failures,
    nextAttemptAt: timestamp(explanation.nextAttemptAt),
    expiresAt: timestamp(explanation.expiresAt),
    fetching: explanation.fetching,
    breaker: breakerOf(breaker),
    callersWaiting: explanation.callersWaiting,
    waiters,
  }
}

function partOf({ name, state, version, ageMs }: ExplainedPart) {
  return {
    name,
    state,
    version: version ?? null,
    ageSeconds: ageMs === undefined ? null : wholeSeconds(ageMs),
  }
}

function placeOf({ provider, key, field, serves, lastError, breaker }: ExplainedPlace) {
  return {
    provider,
    key,
    field: field ?? null,
    serves,
    lastError: errorOf(lastError),
    breaker: breakerOf(breaker),
  }
}

function errorOf(error: ExplainedError | undefined, mayKnow?: (name: string) => boolean) {
  if (error === undefined) return null
  const { kind, reason, message, at, naming } = error
  const isForAll = naming === undefined || mayKnow === undefined || naming.names.every(mayKnow)
  return { kind, reason, message: isForAll ? message : naming.unnamed, at: timestamp(at) }
}

function breakerOf({ state, cause, nextProbeAt }: BreakerStatus) {
  return { state, cause: cause ?? null, nextProbeAt: timestamp(nextProbeAt) }
}
