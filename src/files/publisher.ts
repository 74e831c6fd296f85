import type { FileConfig } from '../config/schema/files.ts'
import type { Clock, Random } from '../secrets/clock.ts'
import type { Standings } from '../secrets/standings.ts'
import { type Failure, failureOf, incomplete } from './failure.ts'
import { renderContent } from './formats/render.ts'
import type { Included } from './look.ts'
import type { FilesObserver } from './observer.ts'
import { Outlook } from './outlook.ts'
import { kindOf, ownershipOf, type Places, wipe } from './places.ts'
import type { Recording } from './recording.ts'
import { retryDelay } from './retry-delay.ts'
import { Rounds } from './rounds.ts'
import { differing, isSame, type Versions } from './versions.ts'

export interface PublisherOptions {
  readonly config: FileConfig
  readonly standings: Standings
  readonly places: Places
  readonly recording: Recording
  readonly clock: Clock
  readonly random: Random
  readonly observer: FilesObserver
  /** Told which secrets were added, changed or removed, once that can be seen. */
  readonly onChange: (names: readonly string[]) => void
  /** Told when it has become current, or is not any more. */
  readonly onState: () => void
}

/**
 * How long until a file is looked at again in which secrets stay only because the process stood still, in milliseconds:
 * they are given half a minute to be fetched again, and nobody says when that is over.
 */
const doubt = 5_000

/**
 * Keeps one file as the cache is: one publication at a time, and what changes meanwhile is another one after it. What it
 * publishes is what the cache held in one turn of the event loop, so that what changed together is seen together.
 */
export class Publisher {
  readonly config: FileConfig
  readonly #options: PublisherOptions
  readonly #outlook: Outlook
  readonly #rounds: Rounds
  /** What lies there, as far as this run put it there or found it so; undefined before that. */
  #published: Versions | undefined
  #state: 'waiting' | 'current' | 'failing' = 'waiting'
  /** Whether it has been current once. */
  wasCurrent = false
  /** What it waits for, as was told last. */
  #waitedFor: ReadonlySet<string> = new Set()
  /** Whether this run took away what lay there, and put nothing there since. */
  #isRemoved = false
  #attempts = 0

  constructor(options: PublisherOptions) {
    this.config = options.config
    this.#options = options
    this.#outlook = new Outlook(options.config, options.standings)
    this.#rounds = new Rounds({
      clock: options.clock,
      run: () => this.#publish().catch((error) => this.#fail(failureOf(this.config.path, error))),
    })
  }

  /** Whether what lies there is what is to lie there, as far as anybody could know at the last attempt. */
  get isCurrent(): boolean {
    return this.#state === 'current'
  }

  /** Whether the last attempt failed. */
  get isFailing(): boolean {
    return this.#state === 'failing'
  }

  get isWaiting(): boolean {
    return this.#state === 'waiting'
  }

  /** How many secrets are in it. */
  get size(): number {
    return this.#published?.size ?? 0
  }

  /** Whether a secret belongs to it. */
  covers(name: string): boolean {
    return this.#outlook.covers(name)
  }

  /** Nothing is published before: something else may be under way at the path still. */
  start(): void {
    this.#rounds.open()
    this.wake()
  }

  /** Something happened to a secret of the file. May be called in the middle of that. */
  changed(name: string): void {
    this.#outlook.changed(name)
    this.#rounds.ask()
  }

  /** Looks again, at the end of this turn of the event loop. */
  wake(): void {
    this.#outlook.ask()
    this.#rounds.ask()
  }

  /**
   * Begins no other publication; one that is under way is finished first.
   *
   * @param next what keeps the same file from now on: values of secrets that are gone are in it still
   */
  async close(next?: Publisher): Promise<void> {
    await this.#rounds.close()
    this.#outlook.close(next === undefined || next.#rounds.isOver ? undefined : next.#outlook)
  }

  async #publish(): Promise<void> {
    const found = this.#outlook.look(this.#published, this.isCurrent)
    switch (found?.kind) {
      case undefined:
        return
      case 'waiting':
        return this.#wait(found.secrets)
      case 'unmade':
        // It is no file yet, or its last values are all that there will be.
        return this.wasCurrent ? this.#succeed(this.#published) : this.#wait(found.secrets)
      case 'incomplete':
        return this.#fail(incomplete(found.secrets))
      case 'absent':
        return await this.#remove(found.cause)
      case 'whole':
        if (found.isInDoubt) this.#rounds.askIn(doubt, () => this.wake())
        return await this.#write(found.secrets)
    }
  }

  async #write(secrets: ReadonlyMap<string, Included>): Promise<void> {
    const { config, observer, places, recording } = this.#options
    const versions = new Map([...secrets].map(([name, { version, origin }]) => [name, { version, origin }]))
    if (this.isCurrent && isSame(this.#published, versions)) return
    let outcome: 'written' | 'unchanged'
    try {
      // In the same turn as the look: a turn later the values may be overwritten.
      const content = renderContent(
        config,
        secrets
          .values()
          .map(({ secret }) => secret)
          .toArray(),
      )
      try {
        await recording.record(config.path, versions)
        outcome = await places.publish(config.path, content, ownershipOf(config))
      } finally {
        wipe(content)
      }
    } catch (error) {
      return this.#fail(failureOf(config.path, error))
    }
    this.#isRemoved = false
    observer[outcome]({ path: config.path, secrets: versions.size })
    this.#succeed(versions, outcome)
  }

  async #remove(cause: 'gone' | 'expired'): Promise<void> {
    const { config, observer, places } = this.#options
    if (!this.#isRemoved) {
      let outcome: 'removed' | 'absent'
      try {
        outcome = await places.unpublish(config.path, kindOf(config))
      } catch (error) {
        return this.#fail(failureOf(config.path, error))
      }
      this.#isRemoved = true
      if (outcome === 'removed') observer.removed({ path: config.path, cause })
    }
    if (this.wasCurrent) return this.#succeed(new Map(), 'written')
    // Nothing was there that this run knows of, and so nobody is served: it is waited for still.
    this.#recover()
    this.#wait(this.#outlook.names)
  }

  #succeed(versions: Versions | undefined, outcome: 'written' | 'unchanged' = 'unchanged'): void {
    const { onChange, onState } = this.#options
    const changed = outcome === 'written' ? differing(this.#published, versions) : []
    this.#published = versions
    this.#outlook.settle(versions)
    this.#waitedFor = new Set()
    this.#recover()
    this.#state = 'current'
    this.wasCurrent = true
    onState()
    if (changed.length > 0) onChange(changed)
  }

  #recover(): void {
    if (this.#attempts === 0) return
    this.#options.observer.recovered({ path: this.config.path, attempts: this.#attempts })
    this.#attempts = 0
  }

  #wait(secrets: readonly string[]): void {
    const { observer, onState } = this.#options
    this.#state = 'waiting'
    // Not each time that one of ten thousand arrives: a few lines are told of all.
    const told = this.#waitedFor
    if (secrets.length * 2 <= told.size || secrets.some((name) => !told.has(name))) {
      observer.waits({ path: this.config.path, secrets })
      this.#waitedFor = new Set(secrets)
    }
    onState()
  }

  #fail(failure: Failure): void {
    const { observer, onState, random } = this.#options
    this.#state = 'failing'
    this.#attempts += 1
    const nextTryMs = retryDelay(this.#attempts, random)
    observer.failed({ path: this.config.path, ...failure, attempt: this.#attempts, nextTryMs })
    onState()
    // Whether something has changed meanwhile decides `Rounds`: then it is tried at once.
    this.#rounds.askIn(nextTryMs, () => this.wake())
  }
}
