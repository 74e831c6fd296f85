import type { CallLimits, Urgency } from './ask.ts'
import { moreUrgent, urgencies } from './ask.ts'
import { CallRate } from './call-rate.ts'
import type { Clock, Timer } from './clock.ts'
import type { Link } from './line.ts'
import { Line } from './line.ts'
import type { Job } from './schedule.ts'
import { Schedule } from './schedule.ts'

/** What waits for a permit. */
export interface Turn {
  readonly urgency: Urgency
  /** How long it waits at the most, in milliseconds. Only such turns are counted against `maxQueuedCalls`. */
  readonly patienceMs: number | undefined
  /** Whether there is nothing to wait for any more. Asked just before the start, and of all who wait by `sweep`. */
  readonly turnedAway: () => boolean
  /** Its turn has come. Whoever starts calls `leave` when the call is over. */
  readonly start: () => void
  /** It has waited as long as it would. */
  readonly gaveUp: () => void
}

/** A place in the queue; does nothing once it has been left. */
export interface Place {
  /** Moves to the end of the line of that urgency, where it is a greater one. */
  raise(urgency: Urgency): void
  /** Waits for so long from now on, in milliseconds, where that is longer than before. Undefined: as long as it takes. */
  waitFor(patienceMs: number | undefined): void
}

/** The place of a turn that did not have to wait. */
export const nowhere: Place = { raise: () => {}, waitFor: () => {} }

/** Who waits, and as a job of the schedule its deadline. */
interface Waiting extends Job {
  readonly turn: Turn
  urgency: Urgency
  /** Its place in the line of its urgency, until it leaves. */
  link: Link<Waiting> | undefined
  /** On the monotonic clock; undefined where it waits as long as it takes. */
  until: number | undefined
}

/**
 * Who goes next: of each five permits two go to the most urgent who waits, and one each first to one of the other lines.
 * Callers choose names and there may be thousands of them: whatever they do, each of the other lines moves at a fifth of
 * the pace at least.
 */
const preferences: readonly (readonly Urgency[])[] = [
  urgencies,
  urgencies,
  ['required', 'expiring', 'caller', 'routine'],
  ['expiring', 'required', 'caller', 'routine'],
  ['routine', 'required', 'expiring', 'caller'],
]

/** Lets calls to a provider through: so many at a time, so many a second, and the others in the order of urgency. */
export class Permits {
  readonly #clock: Clock
  readonly #width: number
  readonly #maxQueued: number
  readonly #rate: CallRate
  readonly #lines: Readonly<Record<Urgency, Line<Waiting>>> = {
    caller: new Line(),
    required: new Line(),
    expiring: new Line(),
    routine: new Line(),
  }
  readonly #deadlines: Schedule
  #inside = 0
  #waiting = 0
  /** How many of those who wait have a limit to their patience. */
  #impatient = 0
  /** Counts the permits that had to be waited for. */
  #granted = 0
  /** Runs while the rate is what keeps the next one waiting. */
  #timer: Timer | undefined

  constructor(clock: Clock, limits: CallLimits) {
    this.#clock = clock
    this.#width = limits.maxConcurrentCalls
    this.#maxQueued = limits.maxQueuedCalls
    this.#rate = new CallRate(limits.maxCallsPerSecond)
    this.#deadlines = new Schedule(clock)
  }

  /**
   * Starts the turn, at once where there is room.
   *
   * @returns undefined where it would have to wait, its patience is limited, and so many such wait already that it would
   * only wait in vain
   */
  queue(turn: Turn): Place | undefined {
    if (this.#waiting === 0 && this.#inside < this.#width && this.#rate.waitMs(this.#clock.now()) === 0) {
      this.#start(turn)
      return nowhere
    }
    if (turn.patienceMs !== undefined && this.#impatient >= this.#maxQueued) return undefined
    const waiting = this.#join(turn)
    this.#pump()
    return {
      raise: (to) => this.#raise(waiting, to),
      waitFor: (patienceMs) => this.#waitFor(waiting, patienceMs),
    }
  }

  /** Goes on at the pace at which another was. To be called before the first turn. */
  succeed(former: Permits): void {
    this.#rate.succeed(former.#rate, this.#clock.now())
  }

  /** A call is over: its room goes to the next. */
  leave(): void {
    this.#inside -= 1
    this.#pump()
  }

  /** Something has happened for which those who wait may be turned away: they are told now, not when their turn comes. */
  sweep(): void {
    for (const urgency of urgencies) {
      for (const waiting of this.#lines[urgency]) if (waiting.turn.turnedAway()) this.#remove(waiting)
    }
  }

  /** Leaves no timer. Whoever still waits has to have been turned away before. */
  close(): void {
    this.#timer?.cancel()
    this.#timer = undefined
    this.#deadlines.close()
  }

  #pump(): void {
    while (this.#inside < this.#width) {
      const next = this.#next()
      if (next === undefined) return
      if (!next.turn.turnedAway()) {
        const waitMs = this.#rate.waitMs(this.#clock.now())
        if (waitMs > 0) {
          this.#arm(waitMs)
          return
        }
        this.#granted += 1
        this.#remove(next)
        this.#start(next.turn)
      } else {
        this.#remove(next)
      }
    }
  }

  #join(turn: Turn): Waiting {
    const { urgency, patienceMs } = turn
    const run = (): void => {
      this.#remove(waiting)
      turn.gaveUp()
    }
    const waiting: Waiting = {
      turn,
      urgency,
      link: undefined,
      until: undefined,
      plannedFor: undefined,
      slot: -1,
      run,
    }
    waiting.link = this.#lines[urgency].join(waiting)
    this.#waiting += 1
    if (patienceMs !== undefined) {
      this.#impatient += 1
      this.#setDeadline(waiting, patienceMs)
    }
    return waiting
  }

  #next(): Waiting | undefined {
    if (this.#waiting === 0) return undefined
    for (const urgency of preferences[this.#granted % preferences.length] ?? urgencies) {
      const { first } = this.#lines[urgency]
      if (first !== undefined) return first
    }
    return undefined
  }

  #start(turn: Turn): void {
    this.#inside += 1
    this.#rate.spend(this.#clock.now())
    turn.start()
  }

  #arm(waitMs: number): void {
    this.#timer ??= this.#clock.setTimer(() => {
      this.#timer = undefined
      this.#pump()
    }, Math.ceil(waitMs))
  }

  #remove(waiting: Waiting): void {
    if (waiting.link === undefined) return
    this.#lines[waiting.urgency].leave(waiting.link)
    waiting.link = undefined
    this.#waiting -= 1
    if (waiting.until === undefined) return
    this.#impatient -= 1
    this.#deadlines.drop(waiting)
  }

  #raise(waiting: Waiting, to: Urgency): void {
    if (waiting.link === undefined || moreUrgent(waiting.urgency, to) === waiting.urgency) return
    this.#lines[waiting.urgency].leave(waiting.link)
    waiting.urgency = to
    waiting.link = this.#lines[to].join(waiting)
  }

  #waitFor(waiting: Waiting, patienceMs: number | undefined): void {
    if (waiting.link === undefined || waiting.until === undefined) return
    if (patienceMs === undefined) {
      waiting.until = undefined
      this.#impatient -= 1
      this.#deadlines.drop(waiting)
    } else if (this.#clock.now() + patienceMs > waiting.until) {
      this.#setDeadline(waiting, patienceMs)
    }
  }

  #setDeadline(waiting: Waiting, patienceMs: number): void {
    waiting.until = this.#clock.now() + patienceMs
    this.#deadlines.plan(waiting, waiting.until)
  }
}
