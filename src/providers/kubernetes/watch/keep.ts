import { type Clock, type ProviderContext, ProviderError } from '../../../secrets/provider.ts'
import { Malformed } from '../../shared/malformed.ts'
import { type Cluster, Gone } from '../cluster.ts'
import { parseEvent } from './events.ts'
import type { Troubles } from './troubles.ts'

/** A number in [0, 1). */
export type Random = () => number

export interface WatchOptions {
  readonly cluster: Cluster
  readonly context: ProviderContext
  readonly random: Random
  readonly troubles: Troubles
  /** What is watched: Secrets by label, or one by name. */
  readonly selector?: string | undefined
  readonly name?: string | undefined
  readonly query: Readonly<Record<string, string>>
  /** The version to begin at, and anew where the server no longer knows where we were. */
  readonly begin: (signal: AbortSignal) => Promise<string>
  /** A Secret looks like this now. */
  readonly observed: (name: string, stamp: string) => void
}

/** How long the server is to keep a watch, in seconds: at least, and at the most. Different for each, to spread them. */
const [shortestWatch, longestWatch] = [240, 360]

/** A watch that the server ends sooner, in milliseconds, is none: else one that ends each at once would make a hot loop. */
const shortWatch = 1000

/** Milliseconds: the ceiling of the pause after a first failure, and after many. */
const [firstPause, longestPause] = [1000, 30_000]

/** Milliseconds until a watch that is not permitted is tried again: permissions change, though rarely. */
const whenDenied = 300_000

/**
 * After so many failures in a row the place is not gone on from: a server that was set back, or is another one now, has
 * never heard of it.
 */
const tooOften = 3

/** So many failures in a row are no hiccup. */
const worthTelling = 5

/**
 * Watches until the signal aborts. A watch that ends goes on where it was: one that the server ends in good order, as it does
 * every few minutes, at once; one that broke, after a pause. Never rejects but for what should not happen.
 */
export async function keepWatching(options: WatchOptions, signal: AbortSignal): Promise<void> {
  const { context, random, troubles } = options
  const position = new Position(options)
  let failures = 0
  let wasGone = false
  while (!signal.aborted && !options.cluster.isClosed) {
    const { failure, lasted } = await position.follow(signal)
    if (signal.aborted) return
    if (lasted >= shortWatch) failures = 0
    if (failure === undefined && lasted >= shortWatch) continue
    failures++
    // A list mends it, and what it shows is wanted soon; only where that does not help it is to be waited for.
    const isNews = failure === 'gone' && !wasGone
    wasGone = failure === 'gone'
    if (isNews) continue
    const isDenied = failure instanceof ProviderError && failure.kind === 'denied'
    if (failures % tooOften === 0 && !isDenied) position.forget()
    let ceiling = Math.min(longestPause, firstPause * 2 ** Math.min(failures - 1, 10))
    let least = 0
    if (failure instanceof ProviderError) {
      least = failure.retryAfterMs ?? 0
      if (isDenied) {
        troubles.denied(position.verb, failure)
        least = Math.max(least, whenDenied)
        ceiling = whenDenied / 5
      } else if (failures >= worthTelling) troubles.broken(failure)
    }
    await pauseUnlessAborted(context.clock, least + Math.max(50, random() * ceiling), signal)
  }
}

interface Outcome {
  readonly failure: 'gone' | ProviderError | undefined
  /** How long the watch was there, in milliseconds. */
  readonly lasted: number
}

/** Where in the history of its Secrets a watch is. */
class Position {
  readonly #options: WatchOptions
  #version: string | undefined
  /** What was asked for last. */
  verb: 'list' | 'watch' = 'list'

  constructor(options: WatchOptions) {
    this.#options = options
  }

  /** The next watch begins anew. */
  forget(): void {
    this.#version = undefined
  }

  /** One watch, from where the last one ended. */
  async follow(signal: AbortSignal): Promise<Outcome> {
    const { context, begin } = this.#options
    const { clock } = context
    let began = clock.now()
    try {
      this.verb = 'list'
      this.#version ??= await begin(signal)
      this.verb = 'watch'
      began = clock.now()
      await this.#watch(this.#version, signal)
      return { failure: undefined, lasted: clock.now() - began }
    } catch (error) {
      const lasted = this.verb === 'watch' ? clock.now() - began : 0
      return { failure: this.#judge(error), lasted }
    }
  }

  async #watch(from: string, signal: AbortSignal): Promise<void> {
    const { cluster, random, query, selector, name } = this.#options
    const seconds = Math.round(shortestWatch + random() * (longestWatch - shortestWatch))
    const all = {
      ...query,
      watch: 'true',
      resourceVersion: from,
      allowWatchBookmarks: 'true',
      timeoutSeconds: String(seconds),
    }
    await cluster.watch({ verb: 'watch', selector, name, withData: false, query: all }, this.#heard, signal)
  }

  readonly #heard = (line: Buffer): void => {
    const event = parseEvent(line)
    if (event.type === 'gone') throw new Gone()
    if (event.type === 'failed') throw new Failed(event.retryAfterMs)
    this.#version = event.version
    if (event.type === 'object') this.#options.observed(event.name, event.stamp)
  }

  #judge(error: unknown): 'gone' | ProviderError {
    const { context, name, selector } = this.#options
    const what = `provider "${context.name}": the watch of ${name ?? `Secrets with ${selector}`}`
    if (error instanceof Gone) {
      this.#version = undefined
      return 'gone'
    }
    if (error instanceof Failed) {
      const words = `${what} was given up by the API server.`
      return new ProviderError('unavailable', 'status', words, { retryAfterMs: error.retryAfterMs })
    }
    if (error instanceof Malformed) {
      // To go on from before it would bring it again.
      this.#version = undefined
      return new ProviderError('unavailable', error.reason, `${what} cannot be read: ${error.message}.`)
    }
    if (error instanceof ProviderError) return error
    throw error
  }
}

/** The server ended a watch with an error. */
class Failed extends Error {
  readonly retryAfterMs: number | undefined

  constructor(retryAfterMs: number | undefined) {
    super('the watch was given up')
    this.retryAfterMs = retryAfterMs
  }
}

async function pauseUnlessAborted(clock: Clock, ms: number, signal: AbortSignal): Promise<void> {
  if (signal.aborted) return
  const { promise: over, resolve: end } = Promise.withResolvers<void>()
  const timer = clock.setTimer(end, ms)
  const abort = (): void => end()
  signal.addEventListener('abort', abort, { once: true })
  await over
  timer.cancel()
  signal.removeEventListener('abort', abort)
}
