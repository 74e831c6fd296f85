import type { Clock, Random, Timer } from './clock.ts'

/** Something that runs at a time. It carries its own place in the schedule, so that planning it allocates nothing. */
export interface Job {
  /** When it runs, in milliseconds of `clock.now()`; undefined while it is not planned. Only the schedule sets it. */
  plannedFor: number | undefined
  /** Its place in the heap, where it is planned. Only the schedule sets it. */
  slot: number
  run(): void
}

/** What happens to jobs that became due while the process was suspended. */
export interface Resume {
  readonly random: Random
  /** @param since when the first of them was due, on the monotonic clock: the suspension began before it */
  readonly onResume: (since: number) => void
}

/** A timer that fires so much too late, in milliseconds, was kept from it: the process or its machine stood still. */
const suspended = 10_000
/** Over how long jobs are spread that became due meanwhile, in milliseconds: all at once they would be a stampede. */
export const resumeSpread = 5_000

/**
 * Runs jobs at times of the monotonic clock. A binary heap over one timer of the clock: a hundred thousand jobs cost a
 * hundred thousand places in an array, not as many timers. To plan and to cancel is O(log n).
 */
export class Schedule {
  readonly #clock: Clock
  readonly #resume: Resume | undefined
  readonly #heap: Job[] = []
  #timer: Timer | undefined
  /** What the timer was set for, and when it should fire; infinite where none is set. */
  #armedFor = Number.POSITIVE_INFINITY
  #firesAt = Number.POSITIVE_INFINITY

  /** @param resume where it is absent, jobs that are late run at once, as those that are not do */
  constructor(clock: Clock, resume?: Resume) {
    this.#clock = clock
    this.#resume = resume
  }

  /**
   * Whether the process stood still until just now: what a connection says is heard before any timer runs, and would be
   * acted upon by ages that nobody could have kept short.
   */
  get isOverslept(): boolean {
    return this.#timer !== undefined && this.#clock.now() - this.#firesAt > suspended
  }

  /** Runs the job at `time` (milliseconds of `clock.now()`) or a little later, in place of when it was planned before. */
  plan(job: Job, time: number): void {
    if (job.plannedFor === undefined) {
      job.slot = this.#heap.length
      this.#heap.push(job)
    }
    job.plannedFor = time
    this.#settle(job)
    this.#arm()
  }

  drop(job: Job): void {
    if (job.plannedFor === undefined) return
    const { slot } = job
    job.plannedFor = undefined
    job.slot = -1
    const last = this.#heap.pop()
    if (last === undefined || last === job) return
    last.slot = slot
    this.#heap[slot] = last
    this.#settle(last)
  }

  close(): void {
    this.#timer?.cancel()
    this.#timer = undefined
    this.#armedFor = Number.POSITIVE_INFINITY
    for (const job of this.#heap) {
      job.plannedFor = undefined
      job.slot = -1
    }
    this.#heap.length = 0
  }

  #arm(): void {
    const first = this.#heap[0]
    if (first === undefined || timeOf(first) >= this.#armedFor) return
    this.#timer?.cancel()
    this.#armedFor = timeOf(first)
    const now = this.#clock.now()
    // At least a millisecond: Node's timers may fire a fraction early, and an immediate re-arm would spin until then.
    const delay = Math.max(1, this.#armedFor - now)
    this.#firesAt = now + delay
    this.#timer = this.#clock.setTimer(() => this.#fire(), delay)
  }

  #fire(): void {
    const since = this.#armedFor
    this.#timer = undefined
    this.#armedFor = Number.POSITIVE_INFINITY
    const now = this.#clock.now()
    if (this.#resume !== undefined && now - this.#firesAt > suspended) this.#spread(now, since, this.#resume)
    for (let job = this.#heap[0]; job !== undefined && timeOf(job) <= now; job = this.#heap[0]) {
      this.drop(job)
      job.run()
    }
    this.#arm()
  }

  /** Plans all that is due for a little later, each for a time of its own. None is lost. */
  #spread(now: number, since: number, { random, onResume }: Resume): void {
    for (let job = this.#heap[0]; job !== undefined && timeOf(job) <= now; job = this.#heap[0]) {
      // Past now, or the loop would come to it again.
      job.plannedFor = now + Math.max(1, random() * resumeSpread)
      this.#settle(job)
    }
    onResume(since)
  }

  /** Moves a job whose time has changed to its place in the heap. */
  #settle(job: Job): void {
    const heap = this.#heap
    const time = timeOf(job)
    let at = job.slot
    while (at > 0) {
      const parentAt = (at - 1) >> 1
      const parent = heap[parentAt]
      if (parent === undefined || timeOf(parent) <= time) break
      parent.slot = at
      heap[at] = parent
      at = parentAt
    }
    for (;;) {
      const left = heap[2 * at + 1]
      if (left === undefined) break
      const right = heap[2 * at + 2]
      const child = right !== undefined && timeOf(right) < timeOf(left) ? right : left
      if (timeOf(child) >= time) break
      const childAt = child.slot
      child.slot = at
      heap[at] = child
      at = childAt
    }
    job.slot = at
    heap[at] = job
  }
}

/** Every job in the heap has a time. */
function timeOf(job: Job): number {
  return job.plannedFor ?? Number.POSITIVE_INFINITY
}
