import { randomBytes } from 'node:crypto'
import type { Clock } from './clock.ts'
import type { SecretsObserver } from './observer.ts'
import type { SecretState } from './reading.ts'

/**
 * What an application may want to act upon. `recovered`: served as fresh again after it was stale, expired or missing.
 * `gone`: the provider says that what was held does not exist any more.
 */
export type ChangeKind = 'rotated' | 'stale' | 'recovered' | 'expired' | 'gone'

export const changeKinds: readonly ChangeKind[] = ['rotated', 'stale', 'recovered', 'expired', 'gone']

/** One thing that happened to a secret: never a value. */
export interface Change {
  /** The process' epoch and a number that counts up by one: no other change, of whatever process, has the same. */
  readonly id: string
  readonly event: ChangeKind
  readonly name: string
  /** The version that is held after it; undefined where none is. */
  readonly version: string | undefined
  /** Milliseconds since the epoch. */
  readonly time: number
}

/** What happened after a change that somebody saw last, or why that cannot be said. */
export type Missed =
  | { readonly changes: readonly Change[] }
  /**
   * `unknown`: no id of this process, which may have been started since. `too-old`: the history does not reach back
   * as far.
   */
  | { readonly gap: 'unknown' | 'too-old' }

export interface ChangeFeedOptions {
  readonly clock: Pick<Clock, 'wall'>
  /** How many past changes are kept. */
  readonly history: number
  /** The version that is held of a secret now. */
  readonly versionOf: (name: string) => string | undefined
}

/** The part of the observer that the feed is. */
export type ChangeObserver = Pick<SecretsObserver, 'loaded' | 'rotated' | 'stateChanged'>

/**
 * Tells those who wait what changes: watchers of one name that something did, subscribers what it was. It stands beside
 * the log among the observers, so that nothing has to be asked again and again whether it changed.
 */
export class ChangeFeed implements ChangeObserver {
  readonly #clock: Pick<Clock, 'wall'>
  readonly #versionOf: (name: string) => string | undefined
  readonly #epoch = randomBytes(6).toString('hex')
  readonly #watchers = new Map<string, Set<Watcher>>()
  readonly #watchersOfAll = new Set<Watcher<string>>()
  readonly #listeners = new Set<Watcher<Change>>()
  #capacity: number
  /** The latest changes in order; up to `#outdated` of them at the front are forgotten already. */
  #kept: Change[] = []
  #outdated = 0
  /** How many changes there have been. */
  #count = 0

  constructor({ clock, history, versionOf }: ChangeFeedOptions) {
    this.#clock = clock
    this.#versionOf = versionOf
    this.#capacity = history
  }

  /** The id of the latest change, or of the moment before the first one. */
  get lastId(): string {
    return this.#idOf(this.#count)
  }

  /**
   * Calls `changed` whenever a version of the secret arrives or its state changes, in the middle of that: be quick, and
   * read the cache later.
   *
   * @returns what ends it
   */
  watch(name: string, changed: () => void): () => void {
    // An object of its own, so that the same function may watch twice and each end takes its own away.
    const watcher = { tell: changed }
    const watchers = this.#watchers.get(name) ?? new Set()
    watchers.add(watcher)
    this.#watchers.set(name, watchers)
    return () => {
      watchers.delete(watcher)
      if (watchers.size === 0 && this.#watchers.get(name) === watchers) this.#watchers.delete(name)
    }
  }

  /**
   * Calls `changed` with the name of each secret of which a version arrives, the first one too, or whose state changes: in
   * the middle of that, as `watch`.
   *
   * @returns what ends it
   */
  watchAll(changed: (name: string) => void): () => void {
    const watcher = { tell: changed }
    this.#watchersOfAll.add(watcher)
    return () => {
      this.#watchersOfAll.delete(watcher)
    }
  }

  /**
   * Calls `listener` with each change as it happens: be quick.
   *
   * @returns what ends it
   */
  subscribe(listener: (change: Change) => void): () => void {
    const watcher = { tell: listener }
    this.#listeners.add(watcher)
    return () => {
      this.#listeners.delete(watcher)
    }
  }

  /** The changes after the one with this id, the oldest first. */
  since(id: string): Missed {
    const seen = this.#countOf(id)
    if (seen === undefined) return { gap: 'unknown' }
    const missed = this.#count - seen
    if (missed > this.#kept.length - this.#outdated) return { gap: 'too-old' }
    return { changes: missed === 0 ? [] : this.#kept.slice(-missed) }
  }

  /** From now on this many past changes are kept. */
  keep(history: number): void {
    this.#capacity = history
    this.#trim()
  }

  loaded({ secret }: { secret: string }): void {
    this.#tell(secret)
  }

  rotated({ secret, version }: { secret: string; version: string }): void {
    this.#record('rotated', secret, version)
    this.#tell(secret)
  }

  stateChanged({ secret, from, to }: { secret: string; from: SecretState; to: SecretState }): void {
    const event = eventOf(from, to)
    if (event !== undefined) this.#record(event, secret, this.#versionOf(secret))
    this.#tell(secret)
  }

  #tell(name: string): void {
    const watchers = this.#watchers.get(name)
    if (watchers !== undefined) for (const { tell } of watchers) tell()
    for (const { tell } of this.#watchersOfAll) tell(name)
  }

  #record(event: ChangeKind, name: string, version: string | undefined): void {
    this.#count += 1
    const change = { id: this.#idOf(this.#count), event, name, version, time: this.#clock.wall() }
    this.#kept.push(change)
    this.#trim()
    for (const { tell } of this.#listeners) tell(change)
  }

  /** Forgets what is beyond the history; the array is made anew only now and then, not with each change. */
  #trim(): void {
    this.#outdated = Math.max(this.#outdated, this.#kept.length - this.#capacity)
    if (this.#outdated <= Math.max(64, this.#capacity)) return
    this.#kept = this.#kept.slice(this.#outdated)
    this.#outdated = 0
  }

  #idOf(count: number): string {
    return `${this.#epoch}-${count}`
  }

  #countOf(id: string): number | undefined {
    const [, epoch, digits] = idPattern.exec(id) ?? []
    const count = Number(digits)
    return epoch === this.#epoch && count <= this.#count ? count : undefined
  }
}

interface Watcher<T = void> {
  readonly tell: (news: T) => void
}

const idPattern = /^([0-9a-f]{12})-(0|[1-9]\d{0,14})$/

function eventOf(from: SecretState, to: SecretState): ChangeKind | undefined {
  switch (to) {
    case 'fresh':
      // The first load is no news: whoever wants the secret has been waiting for it, or will read it.
      return from === 'not-loaded' ? undefined : 'recovered'
    case 'stale':
    case 'expired':
      return to
    case 'missing':
      return from === 'not-loaded' ? undefined : 'gone'
    case 'not-loaded':
      return undefined
  }
}

/** One observer that tells two: everything to the first, and to the feed what concerns it. */
export function tellBoth(observer: SecretsObserver, feed: ChangeObserver): SecretsObserver {
  return {
    called: (event) => observer.called(event),
    failed: (event) => observer.failed(event),
    recovered: (event) => observer.recovered(event),
    breakerChanged: (event) => observer.breakerChanged(event),
    listShrank: (event) => observer.listShrank(event),
    fellBack: (event) => observer.fellBack(event),
    cameBack: (event) => observer.cameBack(event),
    discovered: (event) => observer.discovered(event),
    broke: (event) => observer.broke(event),
    loaded(event) {
      observer.loaded(event)
      feed.loaded(event)
    },
    rotated(event) {
      observer.rotated(event)
      feed.rotated(event)
    },
    stateChanged(event) {
      observer.stateChanged(event)
      feed.stateChanged(event)
    },
  }
}
