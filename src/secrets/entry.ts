import type { ProviderError } from './provider.ts'
import type { Reading, SecretState, SecretStatus } from './reading.ts'
import { Rendition } from './rendition.ts'
import type { Match } from './rules.ts'
import { isPattern } from './rules.ts'
import type { Secret } from './secret.ts'

/** What is held of a secret. */
interface Held {
  readonly secret: Secret
  readonly rendition: Rendition
  /** The version as the provider names it; undefined where the content decides. */
  readonly providerVersion: string | undefined
  /** Milliseconds since the epoch. */
  readonly fetchedAt: number
  /** When the fetch began that last confirmed it, on the monotonic clock and on the wall clock. */
  confirmedAt: number
  confirmedAtWall: number
  /** How long it is fresh, in milliseconds: the rule's refresh interval, or the provider's shorter ttl. */
  freshMs: number
}

/** How a fetch looks from a secret that it confirmed or brought. */
export interface Confirmation {
  /** When the fetch began, on the monotonic clock: a value is as old as the question, not as the answer. */
  readonly at: number
  readonly atWall: number
  readonly freshMs: number
}

/** Where the refresher stands with a secret; it sets this and the entry only shows it. */
export interface Attempts {
  /** When it asks the provider again, on the monotonic clock. */
  nextAt: number | undefined
  /** Why the last fetch failed; undefined after a success. */
  lastFailure: string | undefined
  /** The last fetch that failed, kept after a success too; `at` on the wall clock. */
  lastError: { readonly error: ProviderError; readonly at: number } | undefined
}

/** One secret of the cache, with its state: all arithmetic on ages is here. */
export class Entry {
  readonly match: Match
  readonly declared: boolean
  readonly attempts: Attempts = { nextAt: undefined, lastFailure: undefined, lastError: undefined }
  /** The state that was last reported to the observer. */
  reported: SecretState = 'not-loaded'
  #held: Held | undefined
  #missing = false

  constructor(match: Match) {
    this.match = match
    this.declared = !isPattern(match.rule.name)
  }

  get held(): Held | undefined {
    return this.#held
  }

  hold(secret: Secret, providerVersion: string | undefined, confirmation: Confirmation): void {
    const { at, atWall, freshMs } = confirmation
    this.#held = {
      secret,
      rendition: new Rendition(secret, atWall),
      providerVersion,
      fetchedAt: atWall,
      confirmedAt: at,
      confirmedAtWall: atWall,
      freshMs,
    }
    this.#missing = false
  }

  confirm({ at, atWall, freshMs }: Confirmation): void {
    if (this.#held === undefined) return
    this.#held.confirmedAt = at
    this.#held.confirmedAtWall = atWall
    this.#held.freshMs = freshMs
  }

  drop(): void {
    this.#held = undefined
    this.#missing = true
  }

  state(now: number): SecretState {
    if (this.#held === undefined) return this.#missing ? 'missing' : 'not-loaded'
    const age = now - this.#held.confirmedAt
    if (age > this.match.rule.maxStaleMs) return 'expired'
    return age > this.#held.freshMs ? 'stale' : 'fresh'
  }

  /** When the state changes by time alone, on the monotonic clock. */
  nextChange(now: number): number | undefined {
    if (this.#held === undefined) return undefined
    const { confirmedAt, freshMs } = this.#held
    // A boundary still counts as before it, so the change is a moment after it.
    const boundaries = [confirmedAt + freshMs + 1, confirmedAt + this.match.rule.maxStaleMs + 1]
    return boundaries.find((time) => time > now)
  }

  read(now: number): Reading {
    const state = this.state(now)
    if (state === 'missing') return { kind: 'not-found' }
    const untilNext = (this.attempts.nextAt ?? now) - now
    // When the fetch is under way already, nobody knows its end; 0 would have callers ask without pause.
    const retryAfterMs = untilNext > 0 ? untilNext : 1_000
    if (this.#held === undefined) {
      const reason = this.attempts.lastFailure ?? 'the first fetch is under way'
      return { kind: 'not-loaded', retryAfterMs, reason }
    }
    const ageMs = now - this.#held.confirmedAt
    if (state !== 'fresh' && state !== 'stale') return { kind: 'expired', retryAfterMs, ageMs }
    return { kind: 'held', secret: this.#held.secret, rendition: this.#held.rendition, state, ageMs }
  }

  /** @param wall now on the wall clock, to say in its terms what lies ahead on the monotonic one */
  status(now: number, wall: number): SecretStatus {
    const { rule, name } = this.match
    const held = this.#held
    return {
      name,
      provider: rule.provider,
      state: this.state(now),
      required: rule.required && this.declared,
      declared: this.declared,
      version: held?.secret.version,
      fetchedAt: held?.fetchedAt,
      confirmedAt: held?.confirmedAtWall,
      ageMs: held === undefined ? undefined : now - held.confirmedAt,
      expiresAt: held === undefined ? undefined : wall + (held.confirmedAt + rule.maxStaleMs - now),
      nextRefreshAt: this.attempts.nextAt === undefined ? undefined : wall + (this.attempts.nextAt - now),
    }
  }

  wipe(): void {
    this.#held?.rendition.wipe()
    this.#held?.secret.wipe()
    this.#held = undefined
  }
}
