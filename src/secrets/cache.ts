import type { FirstFailures } from './absences.ts'
import { Absences } from './absences.ts'
import type { Taken } from './brought.ts'
import type { Clock } from './clock.ts'
import type { Bounds } from './discovered.ts'
import { Discovered, sizeOf } from './discovered.ts'
import type { Confirmation } from './entry.ts'
import { Entry, isSamePlace } from './entry.ts'
import { tellPlace } from './fallbacks.ts'
import type { Glob } from './glob.ts'
import { Listings } from './listings.ts'
import type { SecretsObserver } from './observer.ts'
import type { Lease, ProviderError, Unchanged } from './provider.ts'
import { Readiness } from './readiness.ts'
import type { Reading, SecretStatus } from './reading.ts'
import { isStillCovered, namesOf, patternsOf, regroup } from './regroup.ts'
import type { Rendition } from './rendition.ts'
import { isSame, versionOf } from './rotation.ts'
import type { Match, Rules } from './rules.ts'
import { Secret } from './secret.ts'
import { Sleep } from './sleep.ts'
import { StateChanges } from './state-changes.ts'
import { Sweeps } from './sweeps.ts'
import { Wiper } from './wiper.ts'

/** What a changed configuration changes while the sidecar runs. */
export interface CacheSettings extends Bounds {
  readonly rules: Rules
  /** Bounds on pattern secrets; declared ones are bounded by the configuration and never evicted. */
  readonly maxEntries: number
  readonly maxBytes: number
  /** How long "missing" is remembered of a pattern secret, in milliseconds. */
  readonly missingTtlMs: number
  /** How many names of pattern secrets are remembered as missing or failing. Default: 10,000. */
  readonly maxMissing?: number
}

export interface CacheOptions extends CacheSettings {
  readonly clock: Clock
  readonly observer: SecretsObserver
  /** Called when a pattern secret was evicted: it needs no refreshing any more. */
  readonly onEvicted?: (match: Match) => void
  readonly onValue?: OnValue
}

/** Told of each value that is held from now on, to look out for it; undefined where none is held any more. */
export type OnValue = (name: string, secret: Secret | undefined) => void

/** `unwanted`: the configuration has changed since it was asked for. */
export type StoreOutcome = 'loaded' | 'rotated' | 'unchanged' | 'too-large' | 'unwanted'

const defaultMaxMissing = 10_000

/** The in-memory store of secrets: the only thing that the rest of the program reads from. A read never waits. */
export class SecretCache {
  readonly #clock: Clock
  readonly #observer: SecretsObserver
  readonly #discovered: Discovered
  readonly #absences: Absences
  readonly #sweeps: Sweeps
  /** What lists of keys have named. */
  readonly listings = new Listings()
  readonly #changes: StateChanges
  readonly #readiness: Readiness
  readonly #wiper = new Wiper()
  readonly #onValue: OnValue | undefined
  #rules: Rules
  #missingTtlMs: number
  #declared: Map<string, Entry>
  #declaredBytes = 0
  #sleep: Sleep | undefined

  constructor(options: CacheOptions) {
    const { rules, clock, observer, missingTtlMs, maxMissing = defaultMaxMissing } = options
    this.#rules = rules
    this.#clock = clock
    this.#observer = observer
    this.#missingTtlMs = missingTtlMs
    this.#onValue = options.onValue
    this.#absences = new Absences(clock, maxMissing)
    this.#sweeps = new Sweeps(clock, missingTtlMs)
    this.#changes = new StateChanges(clock, observer)
    this.#declared = regroup([], [], rules).declared
    this.#discovered = new Discovered(options, (entry) => {
      this.#evict(entry)
      options.onEvicted?.(entry.match)
    })
    this.#readiness = new Readiness(
      (provider) => this.#sweeps.has(provider) || this.listings.isSettled(provider),
    )
    this.#readiness.expect(this.#declared.values(), rules.patterns)
  }

  /** The answer to a read, by what is held now. Good for this turn of the event loop: after waiting, read again. */
  read(name: string): Reading {
    const entry = this.#declared.get(name) ?? this.#discovered.get(name)
    if (entry !== undefined) {
      const reading = entry.read(this.#clock.now())
      return this.#sleep === undefined ? reading : this.#sleep.excuse(entry, reading, this.#clock.now())
    }
    const match = this.#rules.find(name)
    if (match === undefined) return { kind: 'not-found' }
    return this.#absences.read(name) ?? { kind: this.#sweeps.ruleOut(match) ? 'not-found' : 'undiscovered' }
  }

  /**
   * The process was suspended. Until `until`, what has expired since and had not before reads as such.
   *
   * @param since when it was last seen awake; both on the monotonic clock
   */
  overslept(since: number, until: number): void {
    this.#sleep = new Sleep(since, until)
  }

  /** What is held of a secret, for the refresher. Does not count as a use of it. */
  entry(name: string): Entry | undefined {
    return this.#declared.get(name) ?? this.#discovered.peek(name)
  }

  status(name: string): SecretStatus | undefined {
    return this.entry(name)?.status(this.#clock.now(), this.#clock.wall())
  }

  /**
   * All declared secrets and all discovered ones that are held, by name.
   *
   * @param wants which of them: who may know of a few should not cost what all do
   */
  statuses(wants?: Glob): SecretStatus[] {
    const now = this.#clock.now()
    const wall = this.#clock.wall()
    const statuses: SecretStatus[] = []
    for (const entry of this.#entries()) {
      if (wants === undefined || wants(entry.match.name)) statuses.push(entry.status(now, wall))
    }
    return statuses.sort((a, b) => (a.name < b.name ? -1 : 1))
  }

  /** A provider's discovered secrets that are held. */
  discovered(provider: string): Match[] {
    const matches: Match[] = []
    for (const { match } of this.#discovered.values())
      if (match.rule.provider === provider) matches.push(match)
    return matches
  }

  /** Which secrets there are by the configuration. */
  get rules(): Rules {
    return this.#rules
  }

  /** Whether a provider has said what it has, and all that it named was asked for, as far as there is room for it. */
  isListed(provider: string): boolean {
    return this.#sweeps.has(provider) || this.listings.isDone(provider)
  }

  /** Whether a provider has ever listed what it has. */
  wasSwept(provider: string): boolean {
    return this.#sweeps.has(provider) || this.listings.has(provider)
  }

  /** How many more pattern secrets could be held beside so many that are expected, if none is to make room for them. */
  roomFor(expected: number): number {
    return this.#discovered.roomFor(expected)
  }

  /** How many required pattern secrets could be held beside those that are, if all others made room for them. */
  requiredRoom(): number {
    return this.#discovered.requiredRoom()
  }

  /**
   * Drops the pattern secret that nobody read for longest of those that are not required.
   *
   * @returns false where there is none
   */
  giveWay(): boolean {
    return this.#discovered.giveWay()
  }

  /**
   * Whether every required secret was loaded once, and every list of a required pattern; of one that names keys only, what
   * it named. Cheap: asked after each call.
   */
  get loadedRequired(): boolean {
    return this.#readiness.loadedOnce
  }

  /** How the required secrets stand, for health. A required pattern is loaded, and held, once its provider has listed it. */
  get required(): { loadedOnce: boolean; held: boolean } {
    return { loadedOnce: this.#readiness.loadedOnce, held: this.#readiness.held(this.#clock.now()) }
  }

  /** How many secrets are held, and their size with what belongs to them, in bytes. */
  stats(): { entries: number; bytes: number } {
    let entries = this.#discovered.size
    for (const entry of this.#declared.values()) if (entry.held !== undefined) entries += 1
    return { entries, bytes: this.#declaredBytes + this.#discovered.bytes }
  }

  /**
   * Takes in what a fetch brought for a secret. Unchanged content costs no new rendering. The value is the cache's own
   * from then on: it overwrites it where it does not hold it, and once it holds it no longer.
   */
  store(match: Match, fetched: Taken, confirmation: Confirmation): StoreOutcome {
    const outcome = this.#take(match, fetched, confirmation)
    const isHeld = this.entry(match.name)?.held?.secret.isOf(fetched.value) === true
    if (!isHeld && outcome !== 'loaded' && outcome !== 'rotated') fetched.value.wipe()
    return outcome
  }

  #take(match: Match, fetched: Taken, confirmation: Confirmation): StoreOutcome {
    if (!this.#isCurrent(match)) return 'unwanted'
    const entry = this.entry(match.name) ?? new Entry(match)
    const previous = entry.held
    const servedBefore = previous?.served
    if (previous !== undefined && isSame(previous, fetched)) {
      entry.confirm(fetched, confirmation)
      tellPlace(this.#observer, match, servedBefore, fetched.served)
      this.#changes.settle(entry)
      return 'unchanged'
    }
    // Before anything is changed: what is held of it stays, as after any fetch that brought nothing fit to hold.
    if (!entry.declared && !this.#discovered.fits(match, fetched.value)) return 'too-large'
    const version = versionOf(match.name, fetched, previous)
    const before = sizeOf(entry)
    const secret = new Secret(match.name, version, fetched.value)
    this.#onValue?.(match.name, secret)
    this.#wiper.discard(entry.hold(secret, fetched, confirmation))
    this.#readiness.loaded(match.name)
    if (entry.declared) this.#declaredBytes += sizeOf(entry) - before
    else this.#discovered.put(entry)
    this.#absences.forget(match.name)
    const event = { secret: match.name, provider: entry.provider, version, declared: entry.declared }
    if (previous === undefined) this.#observer.loaded(event)
    else this.#observer.rotated({ ...event, previousVersion: previous.secret.version })
    tellPlace(this.#observer, match, servedBefore, fetched.served)
    this.#changes.settle(entry)
    return previous === undefined ? 'loaded' : 'rotated'
  }

  /**
   * The provider says that what is held is current still.
   *
   * @param version what it was told is held
   * @returns whether that is held, so that it lives on from the question on; else nothing is changed
   */
  confirm(match: Match, version: string, { ttlMs }: Unchanged, confirmation: Confirmation): boolean {
    const entry = this.entry(match.name)
    if (entry?.confirmable !== version || !this.#isCurrent(match)) return false
    entry.confirm(ttlMs === undefined ? {} : { ttlMs }, confirmation)
    this.#changes.settle(entry)
    return true
  }

  /** The lease of what is held was renewed: the value lives on from the question on, for the new lease. */
  renewed(match: Match, lease: Lease, confirmation: Confirmation): void {
    const entry = this.entry(match.name)
    if (entry?.held === undefined || !this.#isCurrent(match)) return
    entry.renew(lease, confirmation)
    this.#changes.settle(entry)
  }

  /** What a composed secret is made of was confirmed: it lives on with its parts. */
  confirmed(match: Match, lasting: Pick<Taken, 'composed'>, confirmation: Confirmation): void {
    const entry = this.entry(match.name)
    if (entry?.held === undefined || !this.#isCurrent(match)) return
    entry.confirm(lasting, confirmation)
    this.#changes.settle(entry)
  }

  /** The provider said that the secret is missing: it is served no longer, at once. */
  drop(match: Match): void {
    if (!this.#isCurrent(match)) return
    const { name } = match
    const entry = this.entry(name)
    if (entry?.declared !== true) {
      this.#discovered.delete(name)
      this.#absences.missing(name, this.#missingTtlMs)
    }
    if (entry === undefined) return
    if (entry.declared) this.#declaredBytes -= sizeOf(entry)
    this.#discard(entry, entry.drop())
    this.#changes.forget(entry)
    this.#changes.report(entry, 'missing')
  }

  /** What was missing of a composed secret is no longer, and is not there yet either. */
  forgetMissing({ name }: Match): void {
    const entry = this.entry(name)
    if (entry === undefined || entry.held !== undefined) return
    entry.forgetMissing()
    this.#changes.settle(entry)
  }

  /** Whether a match is one by the rules that hold now: what was asked for before they changed may still arrive. */
  #isCurrent(match: Match): boolean {
    const now = this.entry(match.name)?.match
    if (now?.rule === match.rule) return true
    const found = this.#rules.find(match.name)
    return found !== undefined && isSamePlace(found, match)
  }

  #evict(entry: Entry): void {
    this.#changes.forget(entry)
    this.#sweeps.evicted(entry.match)
    this.#discard(entry, entry.release())
  }

  #discard({ match }: Entry, rendition: Rendition | undefined): void {
    if (rendition !== undefined) this.#onValue?.(match.name, undefined)
    this.#wiper.discard(rendition)
  }

  /** A first fetch of a pattern secret failed: nobody asks the provider again before `retryMs` have passed. */
  rememberFailure(name: string, retryMs: number, failure: ProviderError): void {
    this.#absences.failed(name, retryMs, failure)
  }

  failedFirstFetches(name: string): number {
    return this.#absences.attempts(name)
  }

  /** How the first fetches of a pattern secret failed, for people. */
  firstFailures(name: string): FirstFailures | undefined {
    return this.#absences.failures(name)
  }

  /** Why a pattern secret that is not held must not be asked for yet, whoever wants it. */
  throttledFirstFetch(name: string): ProviderError | undefined {
    return this.#absences.throttled(name)
  }

  /**
   * A call brought everything that the provider has: pattern secrets that are not `listed` are missing.
   *
   * @param at when the call began, on the monotonic clock
   */
  swept(provider: string, at: number, listed: Iterable<string>): void {
    const unheld = new Set<string>()
    for (const name of listed) if (this.entry(name) === undefined) unheld.add(name)
    this.#sweeps.swept(provider, { at, unheld })
  }

  /**
   * Other rules and bounds hold from now on. What they still name is kept, and served until the place that they name has
   * answered; what they name no longer is overwritten, and told as `missing`, which is what its readers see. The refresher
   * is told of nothing that goes here: it applies the same rules next, and asks what is held.
   */
  apply(settings: CacheSettings): void {
    // By the rules so far: what was ready stays ready.
    void this.#readiness.loadedOnce
    const { rules, missingTtlMs, maxMissing = defaultMaxMissing } = settings
    const before = this.#rules
    const { declared, discovered, gone } = regroup(this.#declared.values(), this.#discovered.values(), rules)
    this.#rules = rules
    this.#missingTtlMs = missingTtlMs
    this.#declared = declared
    this.#declaredBytes = 0
    for (const entry of declared.values()) this.#declaredBytes += sizeOf(entry)
    this.#absences.keep(maxMissing, (name) => isStillCovered(name, before, rules))
    const hasSamePatterns = (provider: string): boolean =>
      patternsOf(before, provider) === patternsOf(rules, provider)
    this.#sweeps.keep(missingTtlMs, hasSamePatterns)
    this.listings.keep(hasSamePatterns)
    if (!namesOf(before).isSubsetOf(namesOf(rules))) this.#sweeps.outdate()
    for (const entry of this.#discovered.replace(settings, discovered)) this.#evict(entry)
    for (const entry of gone) this.#forget(entry)
    for (const entry of this.#entries()) this.#changes.settle(entry)
    this.#readiness.expect(declared.values(), rules.patterns)
  }

  #forget(entry: Entry): void {
    this.#changes.forget(entry)
    this.#discard(entry, entry.release())
    // Of what was never loaded nothing was ever told.
    if (entry.reported !== 'not-loaded') this.#changes.reportRemoved(entry)
  }

  /** Overwrites all values. Only at the end, when nobody is being answered any more. */
  close(): void {
    this.#changes.close()
    for (const entry of this.#entries()) this.#discard(entry, entry.release())
    this.#discovered.replace({ maxEntries: 1, maxBytes: 1 }, [])
    this.#wiper.flush()
  }

  *#entries(): Generator<Entry> {
    yield* this.#declared.values()
    yield* this.#discovered.values()
  }
}
