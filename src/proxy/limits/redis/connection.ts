import type { Logger } from 'pino'
import type { RedisConfig } from '../../../config/schema.ts'
import { isSecretPlace } from '../../../config/schema.ts'
import { type Clock, endsWithin, type Random, type Timer } from '../../../secrets/clock.ts'
import type { SecretValues } from '../../../secrets/values.ts'
import type { ProxyObserver } from '../../observer.ts'
import { Batch } from './batch.ts'
import { readCredentials } from './credentials.ts'
import { deadline, within } from './deadline.ts'
import { connectionLost, type Failure, failureOf, StoreError, slow, unanswered } from './failure.ts'
import { type Link, openLink } from './link.ts'
import { type OnStoreFailure, Outage } from './outage.ts'
import { probeOf } from './script.ts'

export interface ConnectionDeps {
  readonly log: Logger
  readonly clock: Clock
  readonly random: Random
  readonly observer: Pick<ProxyObserver, 'storeFailed'>
  readonly values: Pick<SecretValues, 'read' | 'watch'>
}

/** Milliseconds that the first attempt is waited for: without it, replicas that start count alone. */
const openingPatience = 500
/** Milliseconds until an attempt without an answer is given up, with its connection. */
const attemptTimeout = 2_000
/** The first wait between two attempts, in milliseconds, doubled for each until the longest; half of it is jitter. */
const firstWait = 100
const longestWait = 3_000
/** Milliseconds after which a failure is a new one, and not the last one come back: else one that is slow flaps. */
const steadyAfter = 10_000

/**
 * Redis as it is asked: at once while it answers, and not at all from the first failure on until a probe was answered in
 * time. There is one probe at a time, so that nothing piles up before a Redis that stands still.
 *
 * Configurations that name the same Redis share one, each with `share`; the last `release` ends it.
 */
export class RedisConnection {
  readonly config: RedisConfig
  readonly #deps: ConnectionDeps
  readonly #unsettled = new Set<Batch>()
  readonly #closing = new AbortController()
  readonly #probe: ReturnType<typeof probeOf>
  #users = 1
  #opening: Promise<void> | undefined
  #unwatch: () => void = () => {}
  #applies: OnStoreFailure
  #link: Link | undefined
  #gathering: Batch | undefined
  #outage: Outage | undefined
  #failures = 0
  #steadyFrom = 0
  #timer: Timer | undefined
  #attempt: Promise<void> | undefined

  constructor(config: RedisConfig, applies: OnStoreFailure, deps: ConnectionDeps) {
    this.config = config
    this.#deps = deps
    this.#applies = applies
    this.#probe = probeOf(config.prefix)
    this.#outage = new Outage(deps.log, deps.clock, true)
  }

  /**
   * Connects, the first time that it is called. Resolves when that attempt has ended, well or not, or has taken longer
   * than it is waited for. Not before the sidecar's own secrets are there: to ask without the password is in vain.
   */
  open(): Promise<void> {
    this.#opening ??= this.#open()
    return this.#opening
  }

  async #open(): Promise<void> {
    if (this.#closing.signal.aborted) return
    const { log, clock, values } = this.#deps
    // It begins now: that it was not asked before is no failure.
    this.#outage = new Outage(log, clock, true)
    const { password } = this.config
    // A password that was wrong or missing has changed: there is nothing to wait for.
    if (isSecretPlace(password)) this.#unwatch = values.watch(password, () => this.#tryNow())
    this.#tryNow()
    if (this.#attempt !== undefined) await endsWithin(clock, openingPatience, this.#attempt)
  }

  /** For another configuration, under which this applies. */
  share(applies: OnStoreFailure): this {
    this.#users += 1
    this.#applies = applies
    return this
  }

  release(): void {
    this.#users -= 1
    if (this.#users > 0) return
    this.#closing.abort()
    this.#unwatch()
    this.#timer?.cancel()
    this.#settleAll()
    this.#link?.close()
    this.#link = undefined
    this.#outage ??= new Outage(this.#deps.log, this.#deps.clock, false)
  }

  /** One answer of the script for each key, within the time that a request waits; undefined where there is none. */
  ask(keys: readonly string[], args: readonly string[]): Promise<readonly number[] | undefined> | undefined {
    if (this.#outage !== undefined) {
      this.#outage.affected(1, this.#applies)
      return undefined
    }
    const batch = this.#gathering ?? this.#gather()
    const answers = batch.add(keys, args)
    if (batch.isFull) this.#send(batch)
    return answers
  }

  #gather(): Batch {
    const end = deadline(this.#deps.clock, this.config.timeout, () => this.#fail(slow))
    const batch = new Batch(() => {
      end()
      this.#unsettled.delete(batch)
    })
    this.#gathering = batch
    this.#unsettled.add(batch)
    setImmediate(() => this.#send(batch))
    return batch
  }

  #send(batch: Batch): void {
    // It was full, and is on its way, or was given up.
    if (this.#gathering !== batch) return
    this.#gathering = undefined
    const link = this.#link
    link?.run(batch.keys, batch.args).then(
      (answers) => batch.settle(answers),
      // Of those on the way together, the first to fail speaks for all.
      (error: unknown) => !batch.isOver && this.#fail(failureOf(error)),
    )
  }

  /** Of what is under way nobody waits for an answer any longer. */
  #settleAll(): void {
    this.#gathering = undefined
    for (const batch of this.#unsettled) {
      this.#outage?.affected(batch.size, this.#applies)
      batch.settle(undefined)
    }
  }

  #fail(failure: Failure): void {
    const { clock, log, observer, random } = this.#deps
    if (this.#closing.signal.aborted) return
    if (this.#outage === undefined) {
      if (clock.now() >= this.#steadyFrom) this.#failures = 0
      this.#outage = new Outage(log, clock, false)
    }
    observer.storeFailed({ reason: failure.reason })
    this.#outage.failed(failure, this.#applies)
    this.#settleAll()
    if (failure.endsConnection) {
      this.#link?.close()
      this.#link = undefined
    }
    const wait = Math.min(longestWait, firstWait * 2 ** Math.min(this.#failures, 30))
    this.#failures += 1
    this.#timer?.cancel()
    this.#timer = clock.setTimer(() => this.#tryNow(), wait / 2 + (random() * wait) / 2)
  }

  #tryNow(): void {
    if (this.#outage === undefined || this.#attempt !== undefined || this.#closing.signal.aborted) return
    this.#timer?.cancel()
    this.#attempt = this.#try().then(
      () => this.#recovered(),
      (error: unknown) => {
        this.#attempt = undefined
        this.#fail(failureOf(error))
      },
    )
  }

  async #try(): Promise<void> {
    const { clock } = this.#deps
    const link = this.#link ?? (await this.#connect())
    this.#link = link
    const { keys, args } = this.#probe
    const asked = clock.now()
    await within(clock, attemptTimeout, link.run(keys, args), () => new StoreError(unanswered))
    if (clock.now() - asked > this.config.timeout) throw new StoreError(slow)
    // It was lost right after it had answered.
    if (this.#link !== link) throw new StoreError(connectionLost)
  }

  async #connect(): Promise<Link> {
    const late = new AbortController()
    const signal = AbortSignal.any([late.signal, this.#closing.signal])
    const giveUp = (): StoreError => {
      late.abort()
      return new StoreError(unanswered)
    }
    return await within(this.#deps.clock, attemptTimeout, this.#openLink(signal), giveUp)
  }

  async #openLink(signal: AbortSignal): Promise<Link> {
    const { config } = this
    const credentials = await readCredentials(config, this.#deps.values)
    const link = await openLink({ config, credentials, signal, lost: () => this.#lose(link) })
    return link
  }

  #lose(link: Link): void {
    if (link !== this.#link) return
    this.#link = undefined
    // A probe that is under way tells of it itself.
    if (this.#attempt === undefined) this.#fail(connectionLost)
  }

  #recovered(): void {
    this.#attempt = undefined
    if (this.#closing.signal.aborted) return
    this.#outage?.over()
    this.#outage = undefined
    this.#steadyFrom = this.#deps.clock.now() + steadyAfter
  }
}
