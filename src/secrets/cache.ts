import { LRUCache } from 'lru-cache'
import { Absences } from './absences.ts'
import type { Clock } from './clock.ts'
import type { Confirmation } from './entry.ts'
import { Entry } from './entry.ts'
import type { SecretsObserver } from './observer.ts'
import type { Fetched, ProviderError } from './provider.ts'
import type { Reading, SecretState, SecretStatus } from './reading.ts'
import type { Match, Rule, Rules } from './rules.ts'
import { isPattern } from './rules.ts'
import type { SecretValue } from './secret.ts'
import { contentVersion, headerSafeVersion, Secret } from './secret.ts'
import { StateChanges } from './state-changes.ts'
import { Sweeps } from './sweeps.ts'

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
  readonly #sweeps: Sweeps
  readonly #changes: StateChanges
  readonly #required: readonly Entry[]
  readonly #requiredPatterns: readonly Rule[]
  /** Names of required secrets that were never loaded. */
  readonly #awaited: Set<string>
  #declaredBytes = 0

  constructor(options: CacheOptions) {
    this.#rules = options.rules
    this.#clock = options.clock
    this.#observer = options.observer
    this.#missingTtlMs = options.missingTtlMs
    this.#maxBytes = options.maxBytes
    this.#absences = new Absences(options.clock)
    this.#sweeps = new Sweeps(options.clock, options.missingTtlMs)
    this.#changes = new StateChanges(options.clock, options.observer)
    for (const match of options.rules.declared) this.#declared.set(match.name, new Entry(match))
    this.#required = [...this.#declared.values()].filter((entry) => entry.match.rule.required)
    this.#requiredPatterns = options.rules.patterns.filter((rule) => rule.required)
    this.#awaited = new Set(this.#required.map((entry) => entry.match.name))
    this.#discovered = new LRUCache({
      max: options.maxEntries,
      maxSize: options.maxBytes,
      sizeCalculation: sizeOf,
      dispose: (entry, name, reason) => {
        if (reason === 'set') return
        this.#changes.forget(name)
        if (reason !== 'evict') return
        this.#sweeps.evicted(entry.match)
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
    return this.#absences.read(name) ?? { kind: this.#sweeps.ruleOut(match) ? 'not-found' : 'undiscovered' }
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

  /** Whether every required secret was loaded once, and every list of a required pattern. Cheap: asked after each call. */
  get loadedRequired(): boolean {
    return this.#awaited.size === 0 && this.#requiredPatterns.every((rule) => this.#sweeps.has(rule.provider))
  }

  /** How the required secrets stand, for health. A required pattern is loaded, and held, once its provider has listed it. */
  get required(): { loadedOnce: boolean; held: boolean } {
    const loadedOnce = this.loadedRequired
    const now = this.#clock.now()
    const held = this.#required.every((entry) => isServed(entry.state(now)))
    return { loadedOnce, held: loadedOnce && held }
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
      this.#changes.settle(entry)
      return 'unchanged'
    }
    // Before anything is changed: what is held of it stays, as after any fetch that brought nothing fit to hold.
    if (!entry.declared && sizeWith(match, fetched.value) > this.#maxBytes) return 'too-large'
    const version = versionOf(match.name, fetched, previous)
    const before = sizeOf(entry)
    entry.hold(new Secret(match.name, version, fetched.value), fetched.version, confirmation)
    this.#awaited.delete(match.name)
    this.#keep(entry, before)
    this.#absences.forget(match.name)
    const event = { secret: match.name, provider: match.rule.provider, version, declared: entry.declared }
    if (previous === undefined) this.#observer.loaded(event)
    else this.#observer.rotated({ ...event, previousVersion: previous.secret.version })
    this.#changes.settle(entry)
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
    if (!isPattern(match.rule.name)) this.#dropDeclared(entry)
    else {
      this.#discovered.delete(name)
      this.#absences.missing(name, this.#missingTtlMs)
    }
    if (entry !== undefined) this.#changes.report(entry, 'missing')
  }

  #dropDeclared(entry: Entry | undefined): void {
    if (entry === undefined) return
    const before = sizeOf(entry)
    entry.drop()
    this.#declaredBytes += sizeOf(entry) - before
    this.#changes.forget(entry.match.name)
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
    this.#sweeps.swept(provider, { at, unheld })
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
}

function isServed(state: SecretState): boolean {
  return state === 'fresh' || state === 'stale'
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

function versionOf(name: string, fetched: Fetched, previous: Entry['held']): string {
  if (fetched.version === undefined) return contentVersion(name, fetched.value)
  const version = headerSafeVersion(fetched.version)
  // A backend that changes the value under one version would else never reach a caller who compares versions.
  const reused = previous !== undefined && previous.providerVersion === fetched.version
  return reused ? `${version.slice(0, 100)}+${contentVersion(name, fetched.value)}` : version
}
