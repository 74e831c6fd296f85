import type { SecretCache } from './cache.ts'
import type { Clock, Random } from './clock.ts'
import { FeedMemory } from './feed-memory.ts'
import { FeedPause } from './feed-pause.ts'
import type { Queued } from './feed-queue.ts'
import { FeedQueue } from './feed-queue.ts'
import { Gathering } from './gathering.ts'
import { isKept } from './kept.ts'
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
/** For how long, in milliseconds, lists do not have a name asked for again that is denied or unfit, or missing after all. */
const unfitFor = 5 * 60_000
const missingFor = 60_000

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
  /** How all feeds stand: they share the room that there is. */
  readonly tally: () => FeedTally
  /** One that was asked for has ended: there may be room for others now, or none is left to wait for. */
  readonly ended: (feed: KeyFeed) => void
}

/** Of one feed, or of all. */
export interface FeedTally {
  /** How many are being asked for: each takes a place in the cache soon. */
  readonly underWay: number
  /** Those of them that are required. */
  readonly requiredUnderWay: number
  /** How many are required and have yet to be asked for: their places are no others'. */
  readonly requiredWaiting: number
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
  readonly #waiting = new FeedQueue()
  readonly #asked = new Set<string>()
  readonly #memory: FeedMemory
  readonly #pause: FeedPause
  readonly #gatherings = new Set<Gathering>()
  #loaded = 0
  #failed = 0
  #hasMore = false
  #toldMore = false
  #isOver = false
  readonly #isBusy = (): boolean => this.#asked.size + this.#waiting.size > 0

  constructor(options: KeyFeedOptions) {
    this.#options = options
    this.#memory = new FeedMemory(options.clock)
    this.#pause = new FeedPause(options)
  }

  get tally(): FeedTally {
    return {
      underWay: this.#asked.size,
      requiredUnderWay: this.#requiredOf(this.#asked).length,
      requiredWaiting: this.#waiting.required,
    }
  }

  /** A list came: what it names and is not held is fetched, what is `required` before the `others`. */
  listed(required: Iterable<Match>, others: Iterable<Match>): void {
    const { cache, source } = this.#options
    this.#hasMore = false
    this.#waiting.clear()
    // What is under way may be missing after all: whether there is room beside it is found out when it has ended.
    this.#take(required, () => this.#requiredRoom())
    this.#take(others, () => cache.roomFor(0))
    cache.listings.listed(source.name, this.#required(), this.#isBusy)
    this.#feed()
  }

  /** The backend says that something changed which is not held. One that failed or was missing just now has its time. */
  noticed(matches: Iterable<Match>): void {
    const { cache, tally } = this.#options
    for (const match of matches) {
      const { name, rule } = match
      if (this.#asked.has(name) || this.#memory.wasEvicted(name) || cache.read(name).kind !== 'undiscovered')
        continue
      const hasRoom = this.#waiting.size < cache.roomFor(tally().underWay)
      if (hasRoom || (rule.required && this.#waiting.required < this.#requiredRoom()))
        this.#waiting.add(match)
    }
    this.#feed()
  }

  evicted(name: string): void {
    this.#memory.evicted(name)
  }

  /** Other rules hold, and maybe other bounds: what waits goes by them. It goes on when it is `run`. */
  apply(): void {
    const waiting = [...this.#waiting.names()]
    this.#waiting.clear()
    this.#memory.clear()
    for (const name of waiting) this.#wait(name)
    this.#owe()
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
    const isHeldUp = this.#waiting.size > 0 && !this.#pause.isOn
    if (this.#asked.size === 0 && !isHeldUp) this.#endGatherings()
  }

  /** Asks for nothing more. What is under way ends for whoever wants it. */
  stop(): void {
    this.#isOver = true
    this.#options.schedule.drop(this)
    this.#waiting.clear()
    if (this.#asked.size === 0) this.#rest()
  }

  /** There may be room for what waits, or no hope of any. */
  wake(): void {
    if (this.#waiting.size > 0) this.#feed()
  }

  /** As the schedule calls it when a pause is over. */
  run(): void {
    this.#feed()
  }

  /** No further than there is room for: a list may have ten times more. */
  #take(matches: Iterable<Match>, roomFor: () => number): void {
    let room: number | undefined
    for (const match of matches) {
      if (!this.#isNew(match.name) || this.#waiting.has(match.name)) continue
      room ??= roomFor()
      if (this.#memory.wasEvicted(match.name)) this.#hasMore = true
      else if (this.#waiting.size < room) this.#waiting.add(match)
      else {
        this.#hasMore = true
        return
      }
    }
  }

  #isNew(name: string): boolean {
    if (this.#options.cache.entry(name) !== undefined || this.#asked.has(name)) return false
    return !this.#memory.isLeftAlone(name)
  }

  #feed(): void {
    const { cache, clock, schedule, source } = this.#options
    if (this.#isOver) return
    const now = clock.now()
    let heldUpUntil = Number.POSITIVE_INFINITY
    for (const queued of this.#pause.isOn ? [] : this.#waiting) {
      const { match } = queued
      const readyAt = this.#readyAt(queued)
      // A reader asked for it meanwhile.
      if (cache.entry(match.name) !== undefined) {
        this.#waiting.delete(match.name)
        this.#settle(match.name, 'loaded')
      } else if (readyAt > now) {
        heldUpUntil = Math.min(heldUpUntil, readyAt)
      } else if (this.#asked.size >= source.feedWidth) {
        return
      } else if (this.#findRoom(match)) {
        this.#waiting.delete(match.name)
        this.#asked.add(match.name)
        void this.#ask(match)
      } else if (this.#mayFindRoom(match)) {
        if (Number.isFinite(heldUpUntil)) schedule.plan(this, heldUpUntil)
        return
      } else {
        this.#hasMore = true
        if (match.rule.required) this.#waiting.clear()
        else this.#waiting.clearOthers()
        this.#owe()
      }
    }
    if (Number.isFinite(heldUpUntil)) schedule.plan(this, heldUpUntil)
    else if (this.#asked.size === 0) this.#rest()
  }

  /**
   * Whether there is a place for it. What is required leaves others theirs only once the sidecar is ready: until then it
   * takes that of the one that is not required and nobody read for longest.
   */
  #findRoom({ rule }: Match): boolean {
    const { cache, tally } = this.#options
    const { underWay, requiredUnderWay, requiredWaiting } = tally()
    if (!rule.required) return cache.roomFor(underWay + requiredWaiting) > 0
    while (cache.roomFor(requiredUnderWay) === 0) if (cache.loadedRequired || !cache.giveWay()) return false
    return true
  }

  /** Whether what takes its place now may be missing after all: whichever feed asks for that wakes this one. */
  #mayFindRoom({ rule }: Match): boolean {
    const { underWay, requiredUnderWay } = this.#options.tally()
    return (rule.required ? requiredUnderWay : underWay) > 0
  }

  /** How many that are required there may be room for. */
  #requiredRoom(): number {
    const { cache } = this.#options
    const room = cache.roomFor(0)
    return cache.loadedRequired ? room : Math.max(room, cache.requiredRoom())
  }

  /** Its key may stand for another secret too, and have been asked for just now: then it is given a moment. */
  #readyAt({ match, from }: Queued): number {
    const { units } = this.#options
    const unit = units.find(units.placeOf(match))
    if (unit?.endedAt === undefined || unit.current !== undefined) return from
    return Math.max(from, unit.endedAt + callPause)
  }

  async #ask(match: Match): Promise<void> {
    const { name, rule } = match
    const { cache, ended, runner, units } = this.#options
    const unit = units.for(match)
    const urgency = rule.required && !cache.loadedRequired ? 'required' : 'routine'
    // What is kept anyway under another name comes whenever its turn does.
    const patience = isKept(unit, cache) ? undefined : patienceMs
    const outcome = await runner.run(unit, { urgency, patienceMs: patience }).ended
    this.#asked.delete(name)
    this.#heed(name, outcome)
    if (this.#isOver && this.#asked.size === 0) this.#rest()
    this.#feed()
    ended(this)
  }

  #heed(name: string, { secrets, failure }: RunOutcome): void {
    const said = secrets.get(name) ?? failure
    if (said !== undefined) for (const { secrets: gathered } of this.#gatherings) gathered.set(name, said)
    if (said === undefined) {
      // Whoever asked for its key at the same time wanted something else of it, as a lease renewed.
      this.#wait(name, this.#options.clock.now() + callPause)
      return
    }
    if (said instanceof ProviderError && !speaksOfOne(said)) {
      this.#wait(name)
      this.#pauseFor(said)
      return
    }
    this.#pause.answered()
    if (said === 'missing') this.#memory.leaveAlone(name, missingFor)
    else if (said instanceof ProviderError) this.#memory.leaveAlone(name, unfitFor)
    this.#settle(name, said)
  }

  /** Nothing came of it that would last: it is asked for again, behind the others of its kind. */
  #wait(name: string, from?: number): void {
    const { cache, find, source, units } = this.#options
    const match = this.#isOver ? undefined : find(name)
    const place = match === undefined ? undefined : units.placeOf(match)
    if (match === undefined || place?.source !== source || cache.entry(name) !== undefined) this.#settle(name)
    else this.#waiting.add(match, from)
  }

  #settle(name: string, said?: SecretOutcome): void {
    const { cache, source } = this.#options
    if (said instanceof ProviderError || said === 'missing') this.#failed += 1
    else if (said !== undefined) this.#loaded += 1
    if (!this.#isOver) cache.listings.settled(source.name, name)
  }

  #pauseFor(error: ProviderError): void {
    const { cache, schedule } = this.#options
    if (!this.#isOver) schedule.plan(this, this.#pause.begin(error, !cache.loadedRequired))
  }

  /** What readiness waits for of a list that has come. */
  #owe(): void {
    const { cache, source } = this.#options
    if (cache.listings.has(source.name)) cache.listings.listed(source.name, this.#required(), this.#isBusy)
  }

  #required(): string[] {
    return [...this.#waiting.requiredNames(), ...this.#requiredOf(this.#asked)]
  }

  #requiredOf(names: Iterable<string>): string[] {
    const { find } = this.#options
    return [...names].filter((name) => find(name)?.rule.required === true)
  }

  #endGatherings(): void {
    for (const gathering of this.#gatherings) {
      if (!gathering.isListed) continue
      for (const name of this.#waiting.names()) {
        const { why } = this.#pause
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

/** Whether a failure is the secret's own and stays so until somebody acts: a later list has it asked for again. */
function speaksOfOne({ kind, reason }: ProviderError): boolean {
  if (reason === 'circuit-open') return false
  return kind === 'denied' || kind === 'missing' || reason === 'oversized' || reason === 'malformed'
}
