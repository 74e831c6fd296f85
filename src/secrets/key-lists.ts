import type { Gathering } from './gathering.ts'
import type { FeedTally, KeyFeedOptions } from './key-feed.ts'
import { KeyFeed } from './key-feed.ts'
import type { Match, Rule, Rules } from './rules.ts'
import type { UnitSource } from './unit-source.ts'

export interface KeyListsOptions extends Omit<KeyFeedOptions, 'source' | 'find' | 'tally' | 'ended'> {
  readonly rules: Rules
}

/** What comes of lists that name keys without their values, and of reports that one of those has changed. */
export class KeyLists {
  readonly #options: KeyListsOptions
  readonly #feeds = new Map<UnitSource, KeyFeed>()
  #rules: Rules

  constructor(options: KeyListsOptions) {
    this.#options = options
    this.#rules = options.rules
  }

  listed(source: UnitSource, keys: readonly string[]): void {
    this.#feedOf(source).listed(this.#matches(source, keys, true), this.#matches(source, keys, false))
  }

  /** The backend says that a key has changed. */
  noticed(source: UnitSource, key: string): void {
    if (source.listsKeys) this.#feedOf(source).noticed(this.#rules.discover(source.name, key))
  }

  /** A pattern secret had to make room for others. */
  evicted({ name, rule }: Match): void {
    const source = this.#options.units.sources.get(rule.provider)
    if (source !== undefined) this.#feeds.get(source)?.evicted(name)
  }

  /** Takes part in what lists of a source bring from now on, until `close`. */
  gather(source: UnitSource): { readonly gathering: Gathering; readonly close: () => void } {
    const feed = this.#feedOf(source)
    const gathering = feed.gather()
    return { gathering, close: () => feed.close(gathering) }
  }

  /** Other rules hold from now on, and maybe other sources. */
  apply(rules: Rules): void {
    this.#rules = rules
    const current = new Set<UnitSource>(this.#options.units.sources.values())
    for (const [source, feed] of this.#feeds) {
      if (current.has(source)) feed.apply()
      else {
        feed.stop()
        this.#feeds.delete(source)
      }
    }
    // Only now is known what each of them takes of the room that they share.
    for (const feed of this.#feeds.values()) feed.run()
  }

  stop(): void {
    for (const feed of this.#feeds.values()) feed.stop()
  }

  /** Walked by who wants to know: of a hundred thousand keys mostly a few. */
  *#matches(source: UnitSource, keys: readonly string[], required: boolean): Generator<Match> {
    const isWanted = (rule: Rule): boolean => rule.required === required
    if (!this.#rules.patternsOf(source.name).some(isWanted)) return
    for (const key of keys) yield* this.#rules.discover(source.name, key, isWanted)
  }

  #feedOf(source: UnitSource): KeyFeed {
    const existing = this.#feeds.get(source)
    if (existing !== undefined) return existing
    const feed = new KeyFeed({
      ...this.#options,
      source,
      find: (name) => this.#rules.find(name),
      tally: () => this.#tally(),
      ended: (ended) => this.#wakeOthers(ended),
    })
    this.#feeds.set(source, feed)
    return feed
  }

  #wakeOthers(ended: KeyFeed): void {
    for (const feed of this.#feeds.values()) if (feed !== ended) feed.wake()
  }

  #tally(): FeedTally {
    const all = { underWay: 0, requiredUnderWay: 0, requiredWaiting: 0 }
    for (const { tally } of this.#feeds.values()) {
      all.underWay += tally.underWay
      all.requiredUnderWay += tally.requiredUnderWay
      all.requiredWaiting += tally.requiredWaiting
    }
    return all
  }
}
