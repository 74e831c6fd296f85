import { backoffCap, backoffDelay } from './backoff.ts'
import type { SecretCache } from './cache.ts'
import type { Clock, Random } from './clock.ts'
import { Gathering } from './gathering.ts'
import { callPause } from './last-calls.ts'
import type { SecretsObserver } from './observer.ts'
import type { RunOutcome, SecretOutcome } from './outcome.ts'
import { ProviderError } from './provider.ts'
import type { Match } from './rules.ts'
import type { Runner } from './runner.ts'
import type { Job, Schedule } from './schedule.ts'
import type { UnitSource } from './unit-source.ts'
import type { Units } from './units.ts'

/**
 * How long one of them waits for its turn, in milliseconds. Having an end, it counts for the breaker as a name that
 * nothing depends on yet: that three of a list are denied does not keep what is held from being refreshed.
 */
const patienceMs = 10 * 60_000
/** Over how long feeds come back that failed at the same time, in milliseconds. */
const returnSpread = 2_000
/** For how long, in milliseconds, lists do not have a name asked for again that is denied or unfit, or missing after all. */
const unfitFor = 5 * 60_000
const missingFor = 60_000
/** How many names are remembered as evicted, and as those that are left alone. */
const maxRemembered = 10_000

export interface KeyFeedOptions {
  readonly source: UnitSource
  readonly cache: SecretCache
  readonly clock: Clock
  readonly random: Random
  readonly observer: SecretsObserver
  readonly schedule: Schedule
  readonly units: Units
  readonly runner: Runner
  /** Which rule names a secret now. */
  readonly find: (name: string) => Match | undefined
  /** How many of all feeds are being asked for: each takes a place in the cache soon. */
  readonly underWay: () => number
}

/**
 * What a list of keys named and is not held: it is fetched by key, a few at a time and as long as there is room for it. From
 * then on it is a pattern secret like one that was asked for. What there is no room for is fetched when it is asked for;
 * what had to make room once is not fetched again for the list's sake, or the same ones would come and go for ever.
 */
export class KeyFeed implements Job {
  plannedFor: number | undefined
  slot = -1
  readonly #options: KeyFeedOptions
  #waiting = new Map<string, Match>()
  readonly #asked = new Set<string>()
  readonly #evicted = new Set<string>()
  /** Until when each is left alone, on the monotonic clock. */
  readonly #leftAlone = new Map<string, number>()
  readonly #gatherings = new Set<Gathering>()
  /** On the monotonic clock. */
  #pausedUntil = Number.NEGATIVE_INFINITY
  #pausedFor: ProviderError | undefined
  /** How many attempts in a row ended in a pause. */
  #failures = 0
  #loaded = 0
  #failed = 0
  #hasMore = false
  #toldMore = false
  #isOver = false

  constructor(options: KeyFeedOptions) {
    this.#options = options
  }

  /** How many are being asked for. */
  get underWay(): number {
    return this.#asked.size
  }

  /** A list came: what it names and is not held is fetched, what is required before the rest. */
  listed(matches: Iterable<Match>): void {
    const { cache, clock, source } = this.#options
    const required: [string, Match][] = []
    const others: [string, Match][] = []
    const room = cache.roomFor(this.#options.underWay())
    this.#hasMore = false
    for (const match of matches) {
      const { name, rule } = match
      if (cache.entry(name) !== undefined || this.#asked.has(name)) continue
      if (clock.now() < (this.#leftAlone.get(name) ?? 0)) continue
      // No further: a list may have ten times more than there is room for.
      if (required.length + others.length >= room) {
        this.#hasMore = true
        break
      }
      if (this.#evicted.has(name)) this.#hasMore = true
      else (rule.required ? required : others).push([name, match])
    }
    this.#waiting = new Map([...required, ...others])
    cache.listings.listed(source.name, this.#required())
    this.#feed()
  }

  /** The backend says that something changed which is not held. One that failed or was missing just now has its time. */
  noticed(matches: Iterable<Match>): void {
    const { cache, underWay } = this.#options
    for (const match of matches) {
      const { name } = match
      if (this.#asked.has(name) || this.#evicted.has(name) || cache.read(name).kind !== 'undiscovered')
        continue
      if (this.#waiting.size < cache.roomFor(underWay())) this.#waiting.set(name, match)
    }
    this.#feed()
  }

  evicted(name: string): void {
    this.#evicted.delete(name)
    this.#evicted.add(name)
    forgetOldest(this.#evicted)
  }

  /** Other rules hold, and maybe other bounds: what waits goes by them. */
  apply(): void {
    const waiting = [...this.#waiting.keys()]
    this.#waiting.clear()
    this.#evicted.clear()
    this.#leftAlone.clear()
    for (const name of waiting) this.#wait(name)
    this.#owe()
    this.#feed()
  }

  /** Takes part in what comes from now on. */
  gather(): Gathering {
    const gathering = new Gathering()
    this.#gatherings.add(gathering)
    return gathering
  }

  /** The list has come, or will not come: what is gathered is whole when nothing of it is under way. */
  close(gathering: Gathering): void {
    gathering.isListed = true
    const isHeldUp = this.#waiting.size > 0 && this.#options.clock.now() >= this.#pausedUntil
    if (this.#asked.size === 0 && !isHeldUp) this.#endGatherings()
  }

  /** Asks for nothing more. What is under way ends for whoever wants it. */
  stop(): void {
    this.#isOver = true
    this.#options.schedule.drop(this)
    this.#waiting.clear()
    if (this.#asked.size === 0) this.#rest()
  }

  /** As the schedule calls it when a pause is over. */
  run(): void {
    this.#feed()
  }

  #feed(): void {
    const { cache, clock, schedule, source, underWay } = this.#options
    if (this.#isOver) return
    const now = clock.now()
    const isPaused = now < this.#pausedUntil
    let heldUpUntil = Number.POSITIVE_INFINITY
    for (const [name, match] of isPaused ? [] : this.#waiting) {
      const readyAt = this.#readyAt(match)
      // A reader asked for it meanwhile.
      if (cache.entry(name) !== undefined) {
        this.#waiting.delete(name)
        this.#settle(name, 'loaded')
      } else if (readyAt > now) {
        heldUpUntil = Math.min(heldUpUntil, readyAt)
      } else if (cache.roomFor(underWay()) === 0) {
        // Those that are under way may be missing after all.
        if (this.#asked.size > 0) return
        this.#hasMore = true
        this.#waiting.clear()
        this.#owe()
      } else if (this.#asked.size < source.feedWidth) {
        this.#waiting.delete(name)
        this.#asked.add(name)
        void this.#ask(match)
      } else return
    }
    if (Number.isFinite(heldUpUntil)) schedule.plan(this, heldUpUntil)
    else if (this.#asked.size === 0) this.#rest()
  }

  /** Its key may stand for another secret too, and have been asked for just now: then it is given a moment. */
  #readyAt(match: Match): number {
    const { units } = this.#options
    const unit = units.find(units.placeOf(match))
    if (unit?.endedAt === undefined || unit.current !== undefined) return Number.NEGATIVE_INFINITY
    return unit.endedAt + callPause
  }

  async #ask(match: Match): Promise<void> {
    const { name, rule } = match
    const { cache, runner, units } = this.#options
    const unit = units.for(match)
    const urgency = rule.required && !cache.loadedRequired ? 'required' : 'routine'
    const outcome = await runner.run(unit, { urgency, patienceMs }).ended
    this.#asked.delete(name)
    this.#heed(name, outcome)
    if (this.#isOver && this.#asked.size === 0) this.#rest()
    this.#feed()
  }

  #heed(name: string, { secrets, failure }: RunOutcome): void {
    const said = secrets.get(name) ?? failure
    if (said !== undefined) for (const { secrets: gathered } of this.#gatherings) gathered.set(name, said)
    if (said === undefined || (said instanceof ProviderError && !speaksOfOne(said))) {
      this.#wait(name)
      this.#pause(said)
      return
    }
    this.#failures = 0
    if (said === 'missing') this.#leaveAlone(name, missingFor)
    else if (said instanceof ProviderError) this.#leaveAlone(name, unfitFor)
    this.#settle(name, said)
  }

  /** Nothing came of it that would last: it is asked for again, behind the others. */
  #wait(name: string): void {
    const { cache, find, source, units } = this.#options
    const match = this.#isOver ? undefined : find(name)
    const place = match === undefined ? undefined : units.placeOf(match)
    if (match === undefined || place?.source !== source || cache.entry(name) !== undefined) this.#settle(name)
    else this.#waiting.set(name, match)
  }

  #settle(name: string, said?: SecretOutcome): void {
    const { cache, source } = this.#options
    if (said instanceof ProviderError || said === 'missing') this.#failed += 1
    else if (said !== undefined) this.#loaded += 1
    if (!this.#isOver) cache.listings.settled(source.name, name)
  }

  #leaveAlone(name: string, ms: number): void {
    this.#leftAlone.delete(name)
    this.#leftAlone.set(name, this.#options.clock.now() + ms)
    forgetOldest(this.#leftAlone)
  }

  #pause(error: ProviderError | undefined): void {
    const { cache, clock, random, schedule } = this.#options
    if (this.#isOver) return
    const now = clock.now()
    // Those that were under way at the same time failed for the same reason.
    if (now >= this.#pausedUntil) this.#failures += 1
    const cap = backoffCap(Number.POSITIVE_INFINITY, !cache.loadedRequired, error?.kind)
    const delay = backoffDelay(this.#failures, cap, error?.retryAfterMs, random)
    this.#pausedFor = error
    this.#pausedUntil = Math.max(this.#pausedUntil, now + delay + random() * returnSpread)
    schedule.plan(this, this.#pausedUntil)
  }

  /** What readiness waits for of a list that has come. */
  #owe(): void {
    const { cache, source } = this.#options
    if (cache.listings.has(source.name)) cache.listings.listed(source.name, this.#required())
  }

  #required(): string[] {
    const { find } = this.#options
    return [...this.#waiting.keys(), ...this.#asked].filter((name) => find(name)?.rule.required === true)
  }

  #endGatherings(): void {
    for (const gathering of this.#gatherings) {
      if (!gathering.isListed) continue
      for (const name of this.#waiting.keys()) {
        const why = this.#pausedFor
        if (why !== undefined && !gathering.secrets.has(name)) gathering.secrets.set(name, why)
      }
      this.#gatherings.delete(gathering)
      gathering.end()
    }
  }

  /** Nothing is under way. */
  #rest(): void {
    this.#endGatherings()
    if (this.#isOver || this.#waiting.size > 0) return
    const [loaded, failed, hasMore] = [this.#loaded, this.#failed, this.#hasMore && !this.#toldMore]
    this.#loaded = 0
    this.#failed = 0
    this.#toldMore = this.#hasMore
    if (loaded + failed === 0 && !hasMore) return
    this.#options.observer.discovered({ provider: this.#options.source.name, loaded, failed, hasMore })
  }
}

/** Of names in the order in which they came. */
function forgetOldest(names: Set<string> | Map<string, unknown>): void {
  if (names.size <= maxRemembered) return
  const [oldest] = names.keys()
  if (oldest !== undefined) names.delete(oldest)
}

/** Whether a failure is the secret's own and stays so until somebody acts: a later list has it asked for again. */
function speaksOfOne({ kind, reason }: ProviderError): boolean {
  if (reason === 'circuit-open') return false
  return kind === 'denied' || kind === 'missing' || reason === 'oversized' || reason === 'malformed'
}
