import type { SecretCache } from './cache.ts'
import type { Composition } from './compositions.ts'
import type { Entry } from './entry.ts'
import { inWords } from './explain.ts'
import type { Explanation } from './reading.ts'
import type { Match } from './rules.ts'
import type { Unit } from './unit.ts'

export interface ExplainedComposition {
  readonly composition: Composition
  readonly unitOf: (leaf: Match) => Unit | undefined
  readonly cache: SecretCache
}

/** All that is known of a composed secret: it has no place of its own, and its times are those of its parts. */
export function explainComposed({ composition, unitOf, cache }: ExplainedComposition): Explanation {
  const { match, parts, leaves } = composition
  const { name, rule } = match
  const status = cache.status(name)
  const entry = cache.entry(name)
  const units = new Set(leaves.map(unitOf).filter((unit) => unit !== undefined))
  const refreshMs = Math.min(...leaves.map((leaf) => leaf.rule.refreshMs))
  let callersWaiting = 0
  for (const { waiting } of units) callersWaiting += waiting
  return {
    name,
    rule: rule.name,
    provider: undefined,
    key: undefined,
    field: undefined,
    fallback: undefined,
    parts: parts.map((part) => {
      const { state = 'not-loaded', version, ageMs } = cache.status(part.name) ?? {}
      return { name: part.name, state, version, ageMs }
    }),
    state: status?.state ?? 'not-loaded',
    required: rule.required,
    version: status?.version,
    ageMs: status?.ageMs,
    refreshMs,
    freshMs: entry?.held?.freshMs ?? refreshMs,
    maxStaleMs: Math.min(...leaves.map((leaf) => leaf.rule.maxStaleMs)),
    lease: undefined,
    fetchedAt: status?.fetchedAt,
    lastSuccessAt: status?.confirmedAt,
    lastError: entry === undefined ? undefined : errorOf(entry),
    failures: entry?.attempts.failures ?? 0,
    nextAttemptAt: status?.nextRefreshAt,
    expiresAt: status?.expiresAt,
    fetching: units.values().some(({ current }) => current !== undefined),
    breaker: { state: 'closed', cause: undefined, nextProbeAt: undefined },
    callersWaiting,
  }
}

function errorOf(entry: Entry): Explanation['lastError'] {
  const { lastError } = entry.attempts
  if (lastError === undefined) return undefined
  const { unnamed } = lastError
  if (unnamed === undefined) return inWords(lastError)
  return { ...inWords(lastError), naming: { names: [...madeOf(entry)], unnamed } }
}

/** The names of its parts, of theirs, and so on: a message may name any of them. */
function madeOf({ parts }: Entry, names = new Set<string>()): Set<string> {
  for (const part of parts) {
    if (names.has(part.match.name)) continue
    names.add(part.match.name)
    madeOf(part, names)
  }
  return names
}
