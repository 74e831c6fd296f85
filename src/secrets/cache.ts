import { LRUCache } from 'lru-cache'
import { Absences } from './absences.ts'
import type { Clock } from './clock.ts'
import type { Confirmation } from './entry.ts'
import { Entry } from './entry.ts'
import type { SecretsObserver } from './observer.ts'
import type { Fetched, ProviderError } from './provider.ts'
import type { Reading, SecretStatus } from './reading.ts'
import type { Match, Rules } from './rules.ts'
import { isPattern } from './rules.ts'
import { Schedule } from './schedule.ts'
import type { SecretValue } from './secret.ts'
import { contentVersion, headerSafeVersion, Secret } from './secret.ts'

export interface CacheOptions {
  readonly rules: Rules
  readonly clock: Clock
  readonly observer: SecretsObserver
  /** Bounds on pattern secrets; declared ones are bounded by the configuration and never evicted. */
  readonly maxEntries: number
  readonly maxBytes: number
  /** How long "missing" is remembered of a pattern secret, in milliseconds. */
  readonly missingTtlMs: number
  /** Called when a pattern secret was evicted: it needs no refreshing any more. */
  readonly onEvicted?: (match: Match) => void
}

/** A call that brought everything that a provider has. */
interface Sweep {
  /** When it began, on the monotonic clock. */
  readonly at: number
  /** What it listed and is not held, being unfit or evicted: not missing, and so to be asked for again. */
  readonly unheld: Set<string>
}

export type StoreOutcome = 'loaded' | 'rotated' | 'unchanged' | 'too-large'

/** What an entry costs beside its value, in bytes, by measurement of 10,000 of them; keeps tiny secrets from being free. */
const entryOverhead = 1_024

/** The in-memory store of secrets: the only thing that the rest of the program reads from. A read never waits. */
export class SecretCache {
  readonly #rules: Rules
  readonly #clock: Clock
  readonly #observer: SecretsObserver
  readonly #missingTtlMs: number
  readonly #declared = new Map<string, Entry>()
  readonly #discovered: LRUCache<string, Entry>
  readonly #absences: Absences
  readonly #maxBytes: number
  /** Per provider: the last call that brought everything it has. */
  readonly #sweeps = new Map<string, Sweep>()
  readonly #changes: Schedule
  #declaredBytes = 0

  constructor(options: CacheOptions) {
    this.#rules = options.rules
    this.#clock = options.clock
    this.#observer = options.observer
    this.#missingTtlMs = options.missingTtlMs
    this.#maxBytes = options.maxBytes
    this.#absences = new Absences(options.clock)
    this.#changes = new Schedule(options.clock)
    for (const match of options.rules.declared) this.#declared.set(match.name, new Entry(match))
    this.#discovered = new LRUCache({
      max: options.maxEntries,
      maxSize: options.maxBytes,
      sizeCalculation: sizeOf,
      dispose: (entry, name, reason) => {
        if (reason === 'set') return
        this.#changes.cancel(name)
        if (reason !== 'evict') return
        this.#sweeps.get(entry.match.rule.provider)?.unheld.add(name)
        options.onEvicted?.(entry.match)
      },
    })
  }

  /** The answer to a read, by what is held now. */
  read(name: string): Reading {
    const entry = this.#declared.get(name) ?? this.#discovered.get(name)
    if (entry !== undefined) return entry.read(this.#clock.now())
    const match = this.#rules.find(name)
    if (match === undefined) return { kind: 'not-found' }
    return this.#absences.read(name) ?? this.#readFromSweep(match)
  }

  /** A provider that lists everything was asked lately: what it did not list is missing. */
  #readFromSweep({ name, rule }: Match): Reading {
    const sweep = this.#sweeps.get(rule.provider)
    const known = sweep !== undefined && this.#clock.now() - sweep.at <= this.#missingTtlMs
    return known && !sweep.unheld.has(name) ? { kind: 'not-found' } : { kind: 'undiscovered' }
  }

  /** What is held of a secret, for the refresher. Does not count as a use of it. */
  entry(name: string): Entry | undefined {
    return this.#declared.get(name) ?? this.#discovered.peek(name)
  }

  status(name: string): SecretStatus | undefined {
    return this.entry(name)?.status(this.#clock.now(), this.#clock.wall())
  }

  /** All declared secrets and all discovered ones that are held, by name. */
  statuses(): SecretStatus[] {
    const now = this.#clock.now()
    const wall = this.#clock.wall()
    const statuses: SecretStatus[] = []
    for (const entry of this.#entries()) statuses.push(entry.status(now, wall))
    return statuses.sort((a, b) => (a.name < b.name ? -1 : 1))
  }

  /** A provider's discovered secrets that are held. */
  discovered(provider: string): Match[] {
    const matches: Match[] = []
    for (const { match } of this.#discovered.values())
      if (match.rule.provider === provider) matches.push(match)
    return matches
  }

  /** How the required secrets stand, for health. A required pattern is loaded once its provider has listed it. */
  get required(): { loadedOnce: boolean; held: boolean; failing: string[] } {
    const now = this.#clock.now()
    let loadedOnce = true
    const failing: string[] = []
    for (const { match, everLoaded, state } of this.#requiredEntries(now)) {
      loadedOnce &&= everLoaded
      if (state !== 'fresh' && state !== 'stale') failing.push(match.name)
    }
    for (const rule of this.#rules.patterns) {
      if (!rule.required || this.#sweeps.has(rule.provider)) continue
      loadedOnce = false
      failing.push(rule.name)
    }
    return { loadedOnce, held: failing.length === 0, failing }
  }

  *#requiredEntries(now: number) {
    for (const entry of this.#declared.values()) {
      if (!entry.match.rule.required) continue
      yield { match: entry.match, everLoaded: entry.everLoaded, state: entry.state(now) }
    }
  }

  /** How many secrets are held, and their size with what belongs to them, in bytes. */
  stats(): { entries: number; bytes: number } {
    let entries = this.#discovered.size
    for (const entry of this.#declared.values()) if (entry.held !== undefined) entries += 1
    return { entries, bytes: this.#declaredBytes + (this.#discovered.calculatedSize ?? 0) }
  }

  /** Takes in what a fetch brought for a secret. Unchanged content costs no new rendering. */
  store(match: Match, fetched: Fetched, confirmation: Confirmation): StoreOutcome {
    const entry = this.entry(match.name) ?? new Entry(match)
    const previous = entry.held
    if (previous !== undefined && isSame(previous, fetched)) {
      entry.confirm(confirmation)
      this.#settle(entry)
      return 'unchanged'
    }
    // Before anything is changed: what is held of it stays, as after any fetch that brought nothing fit to hold.
    if (!entry.declared && sizeWith(match, fetched.value) > this.#maxBytes) return 'too-large'
    const version = versionOf(fetched, previous)
    const before = sizeOf(entry)
    entry.hold(new Secret(match.name, version, fetched.value), fetched.version, confirmation)
    this.#keep(entry, before)
    this.#absences.forget(match.name)
    const event = { secret: match.name, provider: match.rule.provider, version, declared: entry.declared }
    if (previous === undefined) this.#observer.loaded(event)
    else this.#observer.rotated({ ...event, previousVersion: previous.secret.version })
    this.#settle(entry)
    return previous === undefined ? 'loaded' : 'rotated'
  }

  #keep(entry: Entry, sizeBefore: number): void {
    const { name } = entry.match
    if (entry.declared) {
      this.#declaredBytes += sizeOf(entry) - sizeBefore
      return
    }
    // lru-cache measures an object once: without this, one that grew in place would still count as what it was.
    this.#discovered.delete(name)
    this.#discovered.set(name, entry)
  }

  /** The provider said that the secret is missing: it is served no longer, at once. */
  drop(match: Match): void {
    const { name } = match
    const entry = this.entry(name)
    if (!isPattern(match.rule)) this.#dropDeclared(entry)
    else {
      this.#discovered.delete(name)
      this.#absences.missing(name, this.#missingTtlMs)
    }
    if (entry !== undefined) this.#report(entry, 'missing')
  }

  #dropDeclared(entry: Entry | undefined): void {
    if (entry === undefined) return
    const before = sizeOf(entry)
    entry.drop()
    this.#declaredBytes += sizeOf(entry) - before
    this.#changes.cancel(entry.match.name)
  }

  /** A first fetch of a pattern secret failed: nobody asks the provider again before `retryMs` have passed. */
  rememberFailure(name: string, retryMs: number, failure: ProviderError): void {
    this.#absences.failed(name, retryMs, failure)
  }

  failedFirstFetches(name: string): number {
    return this.#absences.attempts(name)
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
    this.#sweeps.set(provider, { at, unheld })
  }

  /** Overwrites all values. Only at the end, when nobody is being answered any more. */
  close(): void {
    this.#changes.close()
    for (const entry of this.#entries()) entry.wipe()
    this.#discovered.clear()
  }

  *#entries(): Generator<Entry> {
    yield* this.#declared.values()
    yield* this.#discovered.values()
  }

  /** Reports the state that an entry is in now, and plans for the change that time alone will bring. */
  #settle(entry: Entry): void {
    const now = this.#clock.now()
    this.#report(entry, entry.state(now))
    const next = entry.nextChange(now)
    if (next === undefined) this.#changes.cancel(entry.match.name)
    else this.#changes.at(entry.match.name, next, () => this.#settle(entry))
  }

  #report(entry: Entry, to: Entry['reported']): void {
    const from = entry.reported
    if (from === to) return
    entry.reported = to
    const { name: secret, rule } = entry.match
    this.#observer.stateChanged({ secret, provider: rule.provider, declared: entry.declared, from, to })
  }
}

function sizeOf(entry: Entry): number {
  return entry.held === undefined ? 0 : sizeWith(entry.match, entry.held.secret)
}

function sizeWith({ name }: Match, value: Pick<SecretValue, 'byteLength'>): number {
  return value.byteLength + name.length + entryOverhead
}

/** A rotation is a new version or, where the provider gives none, new content. */
function isSame(held: NonNullable<Entry['held']>, fetched: Fetched): boolean {
  return held.providerVersion === fetched.version && held.secret.hasValue(fetched.value)
}

function versionOf(fetched: Fetched, previous: Entry['held']): string {
  if (fetched.version === undefined) return contentVersion(fetched.value)
  const version = headerSafeVersion(fetched.version)
  // A backend that changes the value under one version would else never reach a caller who compares versions.
  const reused = previous !== undefined && previous.providerVersion === fetched.version
  return reused ? `${version.slice(0, 100)}+${contentVersion(fetched.value)}` : version
}
