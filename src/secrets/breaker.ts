import { longestRetryAfter } from './backoff.ts'
import type { Clock, Random } from './clock.ts'
import { ProviderError } from './provider.ts'
import { Refusals } from './refusals.ts'
import type { Asked } from './streak.ts'
import { Streak } from './streak.ts'
import type { Verdict } from './verdict.ts'

export type BreakerCause = 'unavailable' | 'denied'

/** How a cause opens the breaker, and how it is probed then; times in milliseconds. */
interface Course {
  /** So many failures in a row, from so many keys where so many are asked for. */
  readonly threshold: number
  readonly firstGap: number
  readonly longestGap: number
  /** How much of the gap is not left to chance. */
  readonly fixedShare: number
  /** Between two probes that callers force. */
  readonly forcedGap: number
}

const courses: Readonly<Record<BreakerCause, Course>> = {
  unavailable: {
    threshold: 5,
    firstGap: 1_000,
    longestGap: 60_000,
    fixedShare: 0,
    forcedGap: 1_000,
  },
  // A credential that is refused stays so until a person acts, and each try may cost a quota or lock an account.
  denied: {
    threshold: 3,
    firstGap: 30_000,
    longestGap: 10 * 60_000,
    fixedShare: 0.5,
    forcedGap: 10_000,
  },
}

/**
 * After so long without an answer of any key, in milliseconds, those are asked that have not been heard since a credential
 * was refused. Not before, and so not more often than an open breaker would probe: the one bad key among good ones that
 * are seldom refreshed looks the same until then, and has them asked no more often than this.
 */
const decideAfter = 10 * 60_000
/** No gap is shorter, whatever the jitter draws, in milliseconds. */
const shortestGap = 100
/** What those are told to wait who come while the probe is under way, in milliseconds. */
const waitForProbe = 1_000

export interface BreakerOptions {
  readonly name: string
  readonly clock: Clock
  readonly random: Random
  /** It opened, opened for another cause, or closed. Not told of a probe that failed. */
  readonly changed: (event: { cause: BreakerCause; open: boolean; nextProbeMs: number }) => void
  /** It opened, or stays open after a probe. `probeAt` is on the monotonic clock. */
  readonly opened: (probeAt: number) => void
  /**
   * Nothing but refusals of the credential since `since` (on the monotonic clock), and from too few keys to open it: one
   * of the keys that have not been heard since is to be asked. Told at each refusal until that is decided.
   */
  readonly undecided: (since: number) => void
}

interface Open {
  readonly cause: BreakerCause
  /** The last failure of that cause. */
  readonly error: ProviderError
  /** How many gaps there were, this one included. */
  readonly gaps: number
  readonly probeAt: number
}

/** A call that is wanted while the breaker is open. */
interface Wanted {
  readonly asked: Asked
  readonly forced: boolean
  readonly isKept: boolean
}

/** Takes what came of a call that was let through. */
export type Ended = (verdict: Verdict) => void

/**
 * A circuit breaker: leaves a provider alone that is down, or that refuses the credential, and finds out with one call
 * at a time whether that is over. It opens only when what failed speaks for all keys, so that a few bad ones never
 * keep the others from being fetched.
 */
export class Breaker {
  readonly #options: BreakerOptions
  readonly #streaks: Readonly<Record<BreakerCause, Streak>> = {
    unavailable: new Streak(courses.unavailable.threshold),
    denied: new Streak(courses.denied.threshold),
  }
  #open: Open | undefined
  /** The one call under way that finds out. */
  #probe: Ended | undefined
  #lastProbeAt = Number.NEGATIVE_INFINITY
  readonly #refusals = new Refusals()

  constructor(options: BreakerOptions) {
    this.#options = options
  }

  get state(): 'closed' | 'open' | 'half-open' {
    if (this.#open === undefined) return 'closed'
    return this.#probe === undefined ? 'open' : 'half-open'
  }

  get cause(): BreakerCause | undefined {
    return this.#open?.cause
  }

  /** When it lets the next call through, on the monotonic clock; undefined unless it is open. */
  get probeAt(): number | undefined {
    return this.#probe === undefined ? this.#open?.probeAt : undefined
  }

  /** A key is asked for. */
  know(key: string | undefined): void {
    this.#streaks.unavailable.know(key)
    this.#streaks.denied.know(key)
  }

  /** A key is asked for no more. */
  forget(key: string | undefined): void {
    this.#streaks.unavailable.forget(key)
    this.#streaks.denied.forget(key)
  }

  /**
   * What a call gets that may not be made now; undefined where it may.
   *
   * @param isKept whether it keeps something current, rather than being the first fetch of a name that a caller chose
   */
  refusal(asked: Asked, forced: boolean, isKept = false): ProviderError | undefined {
    const open = this.#open
    if (open === undefined) return undefined
    const now = this.#options.clock.now()
    if (this.#probe !== undefined)
      return this.#refusals.of(this.#probe, now, () => this.#refused(open, waitForProbe))
    if (now >= open.probeAt || this.#mayProbeEarly(open, { asked, forced, isKept }, now)) return undefined
    return this.#refusals.of(open, now, () => this.#refused(open, open.probeAt - now))
  }

  /** A call begins that was not refused. While the breaker is open it is the probe. */
  begin(asked: Asked, isKept = false): Ended {
    const ended: Ended = (verdict) => {
      const wasProbe = this.#probe === ended
      if (wasProbe) this.#probe = undefined
      // Given up by us, it told nothing: the next may probe in its place.
      if (verdict.said === 'nothing') return
      this.#count(asked, verdict, isKept)
      if (this.#open === undefined) {
        if (!this.#openIfDue(verdict)) this.#decide(verdict)
      } else if (isEndOf(this.#open.cause, verdict, wasProbe)) this.#end(this.#open.cause, verdict)
      else if (wasProbe) this.#stayOpen(this.#open, verdict)
    }
    if (this.#open !== undefined) {
      this.#probe = ended
      this.#lastProbeAt = this.#options.clock.now()
    }
    return ended
  }

  #mayProbeEarly({ cause }: Open, { asked, forced, isKept }: Wanted, now: number): boolean {
    if (forced && now - this.#lastProbeAt >= courses[cause].forcedGap) return true
    // Opened by the few keys there were: one that has not been heard yet is heard, or bad keys would keep it waiting.
    const streak = this.#streaks[cause]
    if (streak.isThin && streak.hasFresh(asked)) return true
    // Callers choose names, and may choose those that are refused: what is kept current does not wait for that.
    return isKept && streak.mustHearKept(asked)
  }

  #refused({ cause, error }: Open, retryAfterMs: number): ProviderError {
    const why = cause === 'denied' ? 'kept refusing the credential' : 'kept failing'
    const message = `${this.#options.name} ${why} and is left alone until the next probe (circuit open); the last error: ${error.message}`
    return new ProviderError(cause, 'circuit-open', message, { retryAfterMs })
  }

  #count(asked: Asked, verdict: Verdict, isKept: boolean): void {
    const { unavailable, denied } = this.#streaks
    const now = this.#options.clock.now()
    if (verdict.said === 'unavailable') unavailable.failed(asked, isKept, now)
    else if (verdict.said !== 'one-value') unavailable.end()
    if (verdict.said === 'denied') denied.failed(asked, isKept, now)
    else if (verdict.said === 'answer') denied.end()
  }

  #openIfDue(verdict: Verdict): boolean {
    if (verdict.said !== 'unavailable' && verdict.said !== 'denied') return false
    if (!this.#streaks[verdict.said].isConvincing) return false
    const open = this.#opened(verdict.said, verdict.error, verdict.error, 1)
    this.#open = open
    const nextProbeMs = open.probeAt - this.#options.clock.now()
    this.#options.changed({ cause: open.cause, open: true, nextProbeMs })
    this.#options.opened(open.probeAt)
    return true
  }

  /** The few keys that are asked for often are refused each time; the others would be asked only when they are due. */
  #decide({ said }: Verdict): void {
    const { isLongEnough, since } = this.#streaks.denied
    if (said !== 'denied' || !isLongEnough) return
    if (this.#options.clock.now() - since >= decideAfter) this.#options.undecided(since)
  }

  #end(cause: BreakerCause, verdict: Verdict): void {
    this.#open = undefined
    this.#probe = undefined
    this.#streaks[cause].end()
    // What ended one cause may be enough for the other.
    if (this.#openIfDue(verdict)) return
    this.#options.changed({ cause, open: false, nextProbeMs: 0 })
  }

  #stayOpen(open: Open, verdict: Verdict): void {
    const { cause, gaps, probeAt } = open
    const told = 'error' in verdict ? verdict.error : undefined
    const failed = verdict.said === cause
    const error = failed && told !== undefined ? told : open.error
    const now = this.#options.clock.now()
    this.#open =
      now >= probeAt
        ? this.#opened(cause, error, told, failed ? gaps + 1 : gaps)
        : // A probe ahead of its time leaves the time alone: nobody can put it off by asking again and again.
          { cause, error, gaps, probeAt: Math.max(probeAt, now + retryAfterOf(told)) }
    this.#options.opened(this.#open.probeAt)
  }

  /** @param told what was said just now, which may ask for a longer gap */
  #opened(cause: BreakerCause, error: ProviderError, told: ProviderError | undefined, gaps: number): Open {
    const { firstGap, longestGap, fixedShare } = courses[cause]
    const ceiling = Math.min(longestGap, firstGap * 2 ** Math.min(gaps - 1, 30))
    const drawn = ceiling * (fixedShare + (1 - fixedShare) * this.#options.random())
    const gap = Math.max(shortestGap, drawn, retryAfterOf(told))
    return { cause, error, gaps, probeAt: this.#options.clock.now() + gap }
  }
}

/** Whether what a call brought ends the cause for which the breaker is open. */
function isEndOf(cause: BreakerCause, { said }: Verdict, wasProbe: boolean): boolean {
  if (said === 'answer') return true
  if (cause === 'denied' || said === 'unavailable') return false
  // Whatever else it said, it is there; but of what began before, an error of one value is no news.
  return said !== 'one-value' || wasProbe
}

/** In milliseconds; 0 where there is none, and a NaN is none. */
function retryAfterOf(error: ProviderError | undefined): number {
  const asked = error?.retryAfterMs ?? 0
  return asked > 0 ? Math.min(asked, longestRetryAfter) : 0
}
