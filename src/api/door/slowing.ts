import type { Socket } from 'node:net'
import type { Clock, Timer } from '../../secrets/clock.ts'
import { whenClosed } from '../socket-end.ts'

/** How long the first failed token of a connection waits for its answer, in milliseconds; each further one twice as long. */
const firstDelay = 100
const longestDelay = 5_000
/** With the answer to the last one the connection ends. */
const mostFailures = 10
/** What part of a listener's connections may wait for the answer to a failed token. */
const share = 1 / 8

export interface SlowingOptions {
  readonly clock: Clock
  /** How many connections there may be; asked each time, since it may change. */
  readonly connections: () => number
}

/** An answer that is held back. */
interface Held {
  /** @param isLast whether the connection ends with it */
  readonly answer: (isLast: boolean) => void
  isLast: boolean
  timer: Timer | undefined
  unwatch: (() => void) | undefined
}

/**
 * Makes whoever tries tokens on a connection wait, the longer the more it has tried; a right token clears the count. What
 * is held back is bounded: with one more than may be, the oldest is answered early and its connection ends, since
 * connections that wait for nothing but a refusal must not be in the way of others.
 */
export class Slowing {
  readonly #clock: Clock
  readonly #most: () => number
  readonly #failures = new WeakMap<Socket, number>()
  /** The oldest first. */
  readonly #held = new Set<Held>()
  #isClosed = false

  constructor({ clock, connections }: SlowingOptions) {
    this.#clock = clock
    this.#most = () => Math.max(1, Math.floor(connections() * share))
  }

  /** A token was right: the next failure is the first again. */
  forget(socket: Socket): void {
    this.#failures.delete(socket)
  }

  /**
   * Calls `answer` when a failed token may be answered, once: also when the connection has ended meanwhile.
   *
   * @param answer is told whether the connection is to end with the answer
   */
  failed(socket: Socket, answer: (isLast: boolean) => void): void {
    const count = (this.#failures.get(socket) ?? 0) + 1
    this.#failures.set(socket, count)
    const isLast = count >= mostFailures
    if (this.#isClosed) {
      answer(isLast)
      return
    }
    const held: Held = { answer, isLast, timer: undefined, unwatch: undefined }
    const release = (): void => this.#release(held)
    held.timer = this.#clock.setTimer(release, Math.min(firstDelay * 2 ** (count - 1), longestDelay))
    held.unwatch = whenClosed(socket, release)
    this.#held.add(held)
    const [oldest] = this.#held
    if (this.#held.size <= this.#most() || oldest === undefined) return
    oldest.isLast = true
    this.#release(oldest)
  }

  /** Answers all at once, and from now on. */
  close(): void {
    this.#isClosed = true
    for (const held of this.#held) this.#release(held)
  }

  #release(held: Held): void {
    if (!this.#held.delete(held)) return
    held.timer?.cancel()
    held.unwatch?.()
    held.answer(held.isLast)
  }
}
