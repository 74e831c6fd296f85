import type { Clock, Timer } from './clock.ts'

interface Job {
  readonly id: string
  readonly time: number
  readonly run: () => void
  cancelled: boolean
}

/**
 * Runs jobs at times of the monotonic clock. A binary heap over one timer of the clock: a hundred thousand jobs cost a
 * hundred thousand small objects, not as many timers.
 */
export class Schedule {
  readonly #clock: Clock
  readonly #heap: Job[] = []
  readonly #jobs = new Map<string, Job>()
  #timer: Timer | undefined
  #armedFor = Number.POSITIVE_INFINITY

  constructor(clock: Clock) {
    this.#clock = clock
  }

  /** Runs `run` at `time` (milliseconds of `clock.now()`) or a little later, in place of what `id` had before. */
  at(id: string, time: number, run: () => void): void {
    this.cancel(id)
    const job = { id, time, run, cancelled: false }
    this.#jobs.set(id, job)
    this.#push(job)
    this.#arm()
  }

  cancel(id: string): void {
    const job = this.#jobs.get(id)
    if (job === undefined) return
    job.cancelled = true
    this.#jobs.delete(id)
    // Cancelled jobs stay in the heap until they surface; where they are the most of it, it is built anew.
    if (this.#heap.length > 64 && this.#heap.length > 2 * this.#jobs.size) this.#rebuild()
  }

  /** When `id` runs next, in milliseconds of `clock.now()`. */
  timeOf(id: string): number | undefined {
    return this.#jobs.get(id)?.time
  }

  close(): void {
    this.#timer?.cancel()
    this.#timer = undefined
    this.#armedFor = Number.POSITIVE_INFINITY
    this.#heap.length = 0
    this.#jobs.clear()
  }

  #arm(): void {
    const first = this.#heap[0]
    if (first === undefined || first.time >= this.#armedFor) return
    this.#timer?.cancel()
    this.#armedFor = first.time
    // At least a millisecond: Node's timers may fire a fraction early, and an immediate re-arm would spin until then.
    this.#timer = this.#clock.setTimer(() => this.#fire(), Math.max(1, first.time - this.#clock.now()))
  }

  #fire(): void {
    this.#timer = undefined
    this.#armedFor = Number.POSITIVE_INFINITY
    const now = this.#clock.now()
    for (
      let job = this.#heap[0];
      job !== undefined && (job.cancelled || job.time <= now);
      job = this.#heap[0]
    ) {
      this.#pop()
      if (job.cancelled) continue
      this.#jobs.delete(job.id)
      job.run()
    }
    this.#arm()
  }

  #rebuild(): void {
    const kept = this.#heap.filter((job) => !job.cancelled).sort((a, b) => a.time - b.time)
    this.#heap.length = 0
    // A sorted array is a heap.
    for (const job of kept) this.#heap.push(job)
  }

  #push(job: Job): void {
    const heap = this.#heap
    let at = heap.length
    heap.push(job)
    while (at > 0) {
      const parentAt = (at - 1) >> 1
      const parent = heap[parentAt]
      if (parent === undefined || parent.time <= job.time) break
      heap[at] = parent
      at = parentAt
    }
    heap[at] = job
  }

  #pop(): void {
    const heap = this.#heap
    const last = heap.pop()
    if (last === undefined || heap.length === 0) return
    let at = 0
    for (;;) {
      const left = heap[2 * at + 1]
      if (left === undefined) break
      const right = heap[2 * at + 2]
      const [child, childAt] =
        right !== undefined && right.time < left.time ? [right, 2 * at + 2] : [left, 2 * at + 1]
      if (child.time >= last.time) break
      heap[at] = child
      at = childAt
    }
    heap[at] = last
  }
}
