import type { Socket } from 'node:net'
import type { Caller } from '../access/caller.ts'
import type { Clock, Timer } from '../secrets/clock.ts'
import type { KeptConnections } from './kept-connections.ts'
import type { ApiMetrics, Changes } from './ports.ts'
import { idleMargin } from './server-options.ts'
import { whenClosed } from './socket-end.ts'

/** How many callers are let go on in one turn of the event loop: some milliseconds' work, and others get their turn. */
const batch = 100

export interface WaitersDeps {
  readonly changes: Pick<Changes, 'watch'>
  readonly clock: Clock
  readonly metrics: Pick<ApiMetrics, 'waiting'>
  /** The connections that are kept for long on the same listener. */
  readonly kept: KeptConnections
}

export interface Wait {
  /** The caller's connection: when it ends, nobody waits any more. */
  readonly socket: Socket
  /** Who waits: nobody any more once that is over. */
  readonly caller: Caller
  /** In milliseconds. */
  readonly ms: number
  /** Whether there is an answer now. Asked after each change, not in the middle of one. */
  readonly isOver: () => boolean
}

/** Those who wait for one secret, and what ends our own watch of it. */
interface Group {
  readonly name: string
  readonly waiters: Set<Waiter>
  readonly unwatch: () => void
}

interface Waiter {
  readonly group: Group
  readonly isOver: () => boolean
  readonly resolve: (endedAt: number) => void
  timer: Timer | undefined
  /** Ends what else would end it: its caller's leaving and what that may do, another caller; and frees its place. */
  forget: (() => void) | undefined
  /** When the first change came that it was not asked about yet, on the monotonic clock. */
  wokenAt: number | undefined
}

/**
 * Callers that wait for a secret to change. A waiting caller costs a timer and some small objects: nothing looks at the
 * secret again and again, the feed of changes tells when to look.
 */
export class Waiters {
  readonly #deps: WaitersDeps
  readonly #groups = new Map<string, Group>()
  readonly #woken: Waiter[] = []
  #draining = false
  #closed = false

  constructor(deps: WaitersDeps) {
    this.#deps = deps
  }

  /** Whether nobody is kept waiting any more. */
  get closed(): boolean {
    return this.#closed
  }

  /** How many callers wait for a secret. */
  waitingFor(name: string): number {
    return this.#groups.get(name)?.waiters.size ?? 0
  }

  /**
   * Resolves when `isOver` after a change, when the time is up, when the caller has left or is let in no longer, or when
   * the listener closes; with when that was, on the monotonic clock.
   *
   * @throws SIDEKEEP_TOO_MANY_WAITERS
   */
  wait(name: string, { socket, caller, ms, isOver }: Wait): Promise<number> {
    const { clock, metrics, kept } = this.#deps
    if (this.#closed || socket.destroyed || caller.isOver) return Promise.resolve(clock.now())
    const end = (): void => this.#end(waiter, clock.now())
    // Whoever gives way to another caller asks for a place once more, and is told that there is none.
    const release = kept.keep('waiter', caller, end)
    const { promise, resolve } = Promise.withResolvers<number>()
    const group = this.#group(name)
    const waiter: Waiter = {
      group,
      isOver: () => caller.isOver || isOver(),
      resolve,
      timer: undefined,
      forget: undefined,
      wokenAt: undefined,
    }
    group.waiters.add(waiter)
    metrics.waiting(1)
    waiter.timer = clock.setTimer(end, ms)
    const forgetSocket = whenClosed(socket, end)
    // Many may end at once with one caller, as with one change.
    const forgetCaller = caller.whenOver(() => this.#wake(waiter))
    waiter.forget = () => {
      forgetSocket()
      forgetCaller()
      release()
    }
    // Nothing moves on the connection meanwhile, and yet nothing hangs; with its next request Node forgets this again.
    if (socket.timeout !== undefined && socket.timeout < ms + idleMargin) socket.setTimeout(ms + idleMargin)
    return promise
  }

  /** Lets everybody go, at once and from now on. */
  close(): void {
    this.#closed = true
    for (const { waiters } of this.#groups.values()) for (const waiter of waiters) this.#wake(waiter)
  }

  #group(name: string): Group {
    const existing = this.#groups.get(name)
    if (existing !== undefined) return existing
    const waiters = new Set<Waiter>()
    const unwatch = this.#deps.changes.watch(name, () => {
      for (const waiter of waiters) this.#wake(waiter)
    })
    const group = { name, waiters, unwatch }
    this.#groups.set(name, group)
    return group
  }

  #wake(waiter: Waiter): void {
    if (waiter.wokenAt !== undefined) return
    waiter.wokenAt = this.#deps.clock.now()
    this.#woken.push(waiter)
    if (this.#draining) return
    this.#draining = true
    setImmediate(this.#drain)
  }

  /** Those who are let go answer within this turn, as what waits for their promise runs at its end. */
  readonly #drain = (): void => {
    for (const waiter of this.#woken.splice(0, batch)) {
      const { group, wokenAt, isOver } = waiter
      // Its time was up, or its caller has left, while it stood in the queue.
      if (wokenAt === undefined || !group.waiters.has(waiter)) continue
      waiter.wokenAt = undefined
      if (this.#closed || hasEnded(isOver)) this.#end(waiter, wokenAt)
    }
    this.#draining = this.#woken.length > 0
    if (this.#draining) setImmediate(this.#drain)
  }

  #end(waiter: Waiter, at: number): void {
    const { group, resolve, timer, forget } = waiter
    if (!group.waiters.delete(waiter)) return
    timer?.cancel()
    forget?.()
    if (group.waiters.size === 0) {
      group.unwatch()
      this.#groups.delete(group.name)
    }
    this.#deps.metrics.waiting(-1)
    resolve(at)
  }
}

/** What goes wrong here goes wrong again where the answer is made, and there it becomes one. */
function hasEnded(isOver: () => boolean): boolean {
  try {
    return isOver()
  } catch {
    return true
  }
}
