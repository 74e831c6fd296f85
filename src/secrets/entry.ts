import type { Composed, Served, Taken } from './brought.ts'
import { type Lifetime, leaseOf, lifetimeOf } from './lifetime.ts'
import type { Fetched, Lease, ProviderError } from './provider.ts'
import type { Reading, SecretState, SecretStatus } from './reading.ts'
import { Rendition } from './rendition.ts'
import type { Match, RulePlace } from './rules.ts'
import { isPattern, placesOf } from './rules.ts'
import type { Job } from './schedule.ts'
import type { Secret } from './secret.ts'

/** What is held of a secret. */
interface Held {
  readonly secret: Secret
  readonly rendition: Rendition
  /** The version as the provider names it; undefined where the content decides. */
  readonly providerVersion: string | undefined
  /** Which of its places brought or confirmed it last; undefined where there is one place only. */
  served: Served | undefined
  /** Of a composed secret: how long it lives is its parts' affair. */
  composed: Composed | undefined
  /** Whether it came from the place that the rule names now: what another place calls a version says nothing here. */
  isFromHere: boolean
  /** Milliseconds since the epoch. */
  readonly fetchedAt: number
  /** When the fetch began that last confirmed it, on the monotonic clock and on the wall clock. */
  confirmedAt: number
  confirmedAtWall: number
  /** How long the provider calls it good for, in milliseconds. */
  ttlMs: number | undefined
  /** Where it lives only for a time, counted from `confirmedAt`. */
  lease: Lease | undefined
  /** How long the lease was that the last fetch brought, in milliseconds: renewals may bring ever shorter ones. */
  firstLeaseMs: number | undefined
  /** How long it is fresh, and how long it is served at all, in milliseconds from `confirmedAt` (`lifetime.ts`). */
  freshMs: number
  servedMs: number
}

/** When a fetch began, on the monotonic clock and on the wall clock: a value is as old as the question, not as the answer. */
export interface Confirmation {
  readonly at: number
  readonly atWall: number
}

/** What a fetch says of how long a value lives. */
type Lasting = Pick<Taken, 'ttlMs' | 'lease' | 'served' | 'composed'>

/** Where the refresher stands with a secret; it sets this and the entry only shows it. */
export interface Attempts {
  /** When it asks the provider again, on the monotonic clock. */
  nextAt: number | undefined
  /** How many have failed in a row for this secret, whatever became of others that the same call was for. */
  failures: number
  /** Why the last fetch failed, as readers are told; undefined after a success. */
  lastFailure: string | undefined
  /**
   * The last fetch that failed, kept after a success too; `at` on the wall clock. `unnamed`: of a composed secret, the
   * same in words that name none of its parts.
   */
  lastError: { readonly error: ProviderError; readonly at: number; readonly unnamed?: string } | undefined
}

/**
 * One secret of the cache, with its state: all arithmetic on ages is here. It is its own job in the schedule of the
 * changes that time alone brings.
 */
export class Entry implements Job {
  plannedFor: number | undefined
  slot = -1
  /** What is done when time alone has changed its state; set where that is planned. */
  onDue: (entry: Entry) => void = unplanned
  readonly attempts: Attempts = noAttempts()
  /** Of a composed secret, what it is made of. */
  parts: readonly Entry[] = noParts
  /** The state that was last reported to the observer. */
  reported: SecretState = 'not-loaded'
  /** Whether a value was ever held. */
  wasLoaded = false
  #match: Match
  #held: Held | undefined
  #missing = false

  constructor(match: Match) {
    this.#match = match
  }

  get match(): Match {
    return this.#match
  }

  /** Named in the configuration itself rather than covered by a pattern. */
  get declared(): boolean {
    return !isPattern(this.#match.rule.name)
  }

  get held(): Held | undefined {
    return this.#held
  }

  /** When the provider is asked again, on the monotonic clock; of a composed secret, the provider of the first part. */
  get nextAt(): number | undefined {
    if (this.parts.length === 0) return this.attempts.nextAt
    let next: number | undefined
    for (const { nextAt } of this.parts) if (nextAt !== undefined) next = Math.min(next ?? nextAt, nextAt)
    return next
  }

  /**
   * The provider that what is held is from; where nothing is held, the one that is asked first. Undefined of a composed
   * secret.
   */
  get provider(): string | undefined {
    if (this.#match.rule.template !== undefined) return undefined
    const from = this.#held?.served?.provider
    const isNamed = from !== undefined && placesOf(this.#match).some(({ provider }) => provider === from)
    return isNamed ? from : this.#match.rule.provider
  }

  /**
   * The provider's version of what is held, where the provider may say that it is current still. Never of what is leased:
   * a lease ends, whatever its version.
   */
  get confirmable(): string | undefined {
    const held = this.#held
    if (held === undefined || !held.isFromHere || held.lease !== undefined) return undefined
    return held.providerVersion
  }

  /** @returns what was held before, to be overwritten */
  hold(secret: Secret, fetched: Omit<Taken, 'value'>, { at, atWall }: Confirmation): Rendition | undefined {
    const replaced = this.#held?.rendition
    const lease = leaseOf(fetched)
    const fetchedAt = fetched.composed?.fetchedAt ?? atWall
    this.#held = {
      secret,
      rendition: new Rendition(secret, fetchedAt),
      providerVersion: fetched.version,
      served: fetched.served,
      composed: fetched.composed,
      isFromHere: true,
      fetchedAt,
      confirmedAt: at,
      confirmedAtWall: atWall,
      ttlMs: fetched.ttlMs,
      lease,
      firstLeaseMs: lease?.durationMs,
      ...this.#lifetime(fetched.ttlMs, lease, fetched.composed),
    }
    this.#missing = false
    this.wasLoaded = true
    return replaced
  }

  /** A fetch brought what is held already. */
  confirm(lasting: Lasting, confirmation: Confirmation): void {
    const held = this.#held
    if (held === undefined) return
    held.isFromHere = true
    held.ttlMs = lasting.ttlMs
    held.served = lasting.served
    held.composed = lasting.composed
    held.firstLeaseMs = leaseOf(lasting)?.durationMs
    this.#lastFrom(held, lasting, confirmation)
  }

  /** The lease was renewed, and the value lives on. */
  renew(lease: Lease, confirmation: Confirmation): void {
    if (this.#held !== undefined) this.#lastFrom(this.#held, { lease }, confirmation)
  }

  #lastFrom(held: Held, lasting: Pick<Fetched, 'lease'>, { at, atWall }: Confirmation): void {
    held.confirmedAt = at
    held.confirmedAtWall = atWall
    held.lease = leaseOf(lasting)
    this.#retime(held)
  }

  /**
   * Another rule names the secret from now on, or the same one with other times. What is held stays until the place that
   * the rule names has answered.
   */
  reassign(match: Match): void {
    const moved = !isSamePlace(this.#match, match)
    if (moved && this.#held !== undefined) this.#held.served = servedBy(this.#held.served, this.#match, match)
    this.#match = match
    this.parts = noParts
    if (this.#held !== undefined) this.#retime(this.#held)
    if (!moved) return
    if (this.#held !== undefined) this.#held.isFromHere = false
    Object.assign(this.attempts, noAttempts())
    // That the old place has nothing says nothing of the new one.
    if (this.#missing) this.reported = 'not-loaded'
    this.#missing = false
  }

  #lifetime(ttlMs: number | undefined, lease: Lease | undefined, composed: Composed | undefined): Lifetime {
    if (composed === undefined) return lifetimeOf(this.#match.rule, ttlMs, lease)
    return { freshMs: composed.freshMs, servedMs: composed.servedMs }
  }

  #retime(held: Held): void {
    const { freshMs, servedMs } = this.#lifetime(held.ttlMs, held.lease, held.composed)
    held.freshMs = freshMs
    held.servedMs = servedMs
  }

  /** The provider says that there is no such secret. @returns what was held, to be overwritten */
  drop(): Rendition | undefined {
    this.#missing = true
    return this.release()
  }

  /** That it is missing is true no longer, and nothing is known of it instead. */
  forgetMissing(): void {
    this.#missing = false
  }

  /** Lets go of what is held. @returns it, to be overwritten */
  release(): Rendition | undefined {
    const released = this.#held?.rendition
    this.#held = undefined
    return released
  }

  /** As the schedule calls it when time has changed the state. */
  run(): void {
    this.onDue(this)
  }

  state(now: number): SecretState {
    if (this.#held === undefined) return this.#missing ? 'missing' : 'not-loaded'
    const age = now - this.#held.confirmedAt
    if (age > this.#held.servedMs) return 'expired'
    return age > this.#held.freshMs ? 'stale' : 'fresh'
  }

  /** When the state changes by time alone, on the monotonic clock. */
  nextChange(now: number): number | undefined {
    if (this.#held === undefined) return undefined
    const { confirmedAt, freshMs, servedMs } = this.#held
    // A boundary still counts as before it, so the change is a moment after it.
    const boundaries = [confirmedAt + freshMs + 1, confirmedAt + servedMs + 1]
    return boundaries.find((time) => time > now)
  }

  /** Whether the value that is held now was held at `since` already, on the monotonic clock, and had not expired. */
  wasServedAt(since: number): boolean {
    const held = this.#held
    return held !== undefined && held.confirmedAt <= since && since - held.confirmedAt <= held.servedMs
  }

  read(now: number): Reading {
    const state = this.state(now)
    if (state === 'missing') return { kind: 'not-found' }
    const untilNext = (this.nextAt ?? now) - now
    // When the fetch is under way already, nobody knows its end; 0 would have callers ask without pause.
    const retryAfterMs = untilNext > 0 ? untilNext : 1_000
    if (this.#held === undefined) {
      const reason = this.attempts.lastFailure ?? this.#partsReason() ?? 'the first fetch is under way'
      return { kind: 'not-loaded', retryAfterMs, reason }
    }
    const ageMs = now - this.#held.confirmedAt
    if (state !== 'fresh' && state !== 'stale') return { kind: 'expired', retryAfterMs, ageMs }
    return { kind: 'held', secret: this.#held.secret, rendition: this.#held.rendition, state, ageMs }
  }

  /** Why a composed secret is not there, to those who may not know its parts: which of them, `explain` tells. */
  #partsReason(): string | undefined {
    return this.parts.some(({ held }) => held === undefined) ? 'a part of it is not loaded yet' : undefined
  }

  /** @param wall now on the wall clock, to say in its terms what lies ahead on the monotonic one */
  status(now: number, wall: number): SecretStatus {
    const { rule, name } = this.#match
    const held = this.#held
    return {
      name,
      provider: this.provider,
      state: this.state(now),
      ...(rule.fallback === undefined ? {} : { onFallback: (held?.served?.place ?? 0) > 0 }),
      required: rule.required && this.declared,
      declared: this.declared,
      version: held?.secret.version,
      fetchedAt: held?.fetchedAt,
      confirmedAt: held?.confirmedAtWall,
      ageMs: held === undefined ? undefined : now - held.confirmedAt,
      expiresAt: held === undefined ? undefined : wall + (held.confirmedAt + held.servedMs - now),
      nextRefreshAt: this.nextAt === undefined ? undefined : wall + (this.nextAt - now),
    }
  }
}

/** The place that brought what is held, among those that another match asks; undefined where it is none of several. */
function servedBy(served: Served | undefined, before: Match, now: Match): Served | undefined {
  const from = served === undefined ? undefined : placesOf(before)[served.place]
  const places = placesOf(now)
  if (served === undefined || from === undefined || places.length < 2) return undefined
  const place = places.findIndex(({ provider, key }) => provider === from.provider && key === from.key)
  if (place < 0) return undefined
  return { provider: served.provider, place, instead: place === 0 ? undefined : served.instead }
}

function noAttempts(): Attempts {
  return { nextAt: undefined, failures: 0, lastFailure: undefined, lastError: undefined }
}

const noParts: readonly Entry[] = []

function unplanned(): void {}

/** Whether two matches of one name ask the same place for the same thing. */
export function isSamePlace({ rule: a, key }: Match, { rule: b, key: otherKey }: Match): boolean {
  const isSame = a.provider === b.provider && key === otherKey && a.field === b.field
  return isSame && isSameList(a.fallback, b.fallback)
}

function isSameList(a: readonly RulePlace[] = [], b: readonly RulePlace[] = []): boolean {
  if (a.length !== b.length) return false
  return a.every(({ provider, key, field }, index) => {
    const other = b[index]
    return provider === other?.provider && key === other.key && field === other.field
  })
}
