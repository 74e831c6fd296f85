import type { FastifyReply } from 'fastify'
import { parseDuration } from '../config/quantities.ts'
import { CodedError } from '../errors.ts'
import type { Reading } from '../secrets/reading.ts'
import { wantsFetch } from '../secrets/reading.ts'
import { callerOf } from './asking.ts'
import type { ApiConfig, ApiDeps } from './ports.ts'
import { preferredWait } from './prefer.ts'
import type { ApiRequest } from './respond.ts'
import { sendProblem } from './respond.ts'
import type { Wanted } from './secret-answer.ts'
import { answerSecret, isAnswer, resultOf } from './secret-answer.ts'
import type { Waiters } from './waiters.ts'

/** How long a caller wants to wait for a change. */
export interface WaitAsked {
  /** In milliseconds, no longer than a caller may. */
  readonly ms: number
  /** What the answer says of it: Preference-Applied, where a preference asked for it (RFC 7240, section 3). */
  readonly headers: readonly string[]
}

/**
 * The wait that a request asks for, if any: by `?wait=30s`, or by `Prefer: wait=30` where the query does not.
 *
 * @param wait the query parameter, a duration
 */
export function waitAsked(
  wait: string | undefined,
  prefer: string | string[] | undefined,
  { maxWait }: Pick<ApiConfig, 'maxWait'>,
): WaitAsked | undefined {
  if (wait !== undefined) {
    // A duration beyond the exact numbers is one that is cut anyway.
    return { ms: Math.min(parseDuration(wait) ?? maxWait, maxWait), headers: [] }
  }
  const seconds = typeof prefer === 'string' ? preferredWait(prefer) : undefined
  if (seconds === undefined) return undefined
  const applied = Math.min(seconds, Math.floor(maxWait / 1_000))
  return { ms: applied * 1_000, headers: ['Preference-Applied', `wait=${applied}`] }
}

/** The least pause before a first fetch that failed is tried again for a caller who waits, in milliseconds. */
const shortestPause = 100

type WaitDeps = Pick<ApiDeps, 'cache' | 'refresher' | 'metrics' | 'clock' | 'config'>

/** Answers requests that wait: at once, after a change, or at the deadline with what a plain read would get. */
export class WaitingReads {
  readonly #deps: WaitDeps
  readonly #waiters: Waiters

  constructor(deps: WaitDeps, waiters: Waiters) {
    this.#deps = deps
    this.#waiters = waiters
  }

  async answer(request: ApiRequest, reply: FastifyReply, wanted: Wanted, asked: WaitAsked): Promise<void> {
    const reading = await this.#settled(request, wanted, asked.ms)
    try {
      answerSecret(request, reply, wanted, reading, asked.headers)
    } catch (error) {
      if (!(error instanceof CodedError)) throw error
      sendProblem(request, reply, error, asked.headers)
    }
  }

  /** The reading to answer with. While it waits it holds none: a value that is out of date must not live on in here. */
  async #settled(request: ApiRequest, wanted: Wanted, ms: number): Promise<Reading> {
    const { cache, clock, metrics } = this.#deps
    const { name } = wanted
    const condition = request.headers['if-none-match']
    const isOver = (): boolean => isAnswer(cache.read(name), wanted, condition)
    const { socket } = request.raw
    const deadline = clock.now() + ms
    for (let left = ms; ; left = deadline - clock.now()) {
      const caller = callerOf(request)
      if (wantsFetch(cache.read(name))) {
        const fetched = await this.#demanded(name, left)
        callerOf(request)
        // A first fetch that failed leaves nothing behind that could change, and one that the cache has no room for too.
        if (left <= 0 || cache.read(name).kind === 'undiscovered' || socket.destroyed) return fetched
        left = deadline - clock.now()
      }
      if (left <= 0 || socket.destroyed || isOver() || this.#waiters.closed) {
        const reading = cache.read(name)
        metrics.cacheRead(resultOf(reading))
        return reading
      }
      const began = clock.now()
      const ended = await this.#waiters.wait(name, { socket, caller, ms: this.#step(name, left), isOver })
      // The time that a caller chose to wait is not the time that the answer took.
      request.startedAt += ended - began
    }
  }

  async #demanded(name: string, left: number): Promise<Reading> {
    const { metrics, refresher, config } = this.#deps
    metrics.cacheRead('miss')
    return await refresher.demand(
      name,
      left > 0 ? Math.min(left, config.demandTimeout) : config.demandTimeout,
    )
  }

  /** How long to wait before looking again. A secret of a pattern that could not be fetched is fetched for callers only. */
  #step(name: string, left: number): number {
    const { cache } = this.#deps
    const reading = cache.read(name)
    if (reading.kind !== 'not-loaded' || cache.status(name) !== undefined) return left
    return Math.min(left, Math.max(reading.retryAfterMs, shortestPause))
  }
}
