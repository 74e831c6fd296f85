import type { Job, Schedule } from '../../src/secrets/schedule.ts'

class NamedJob implements Job {
  plannedFor: number | undefined
  slot = -1
  run: () => void = () => {}
}

/** Jobs that a test names rather than keeps. */
export class NamedJobs {
  readonly #schedule: Schedule
  readonly #jobs = new Map<string, NamedJob>()

  constructor(schedule: Schedule) {
    this.#schedule = schedule
  }

  /** Runs it at `time`, in milliseconds of `clock.now()`, in place of what the name was planned for before. */
  at(name: string, time: number, run: () => void): void {
    const job = this.#jobs.get(name) ?? new NamedJob()
    this.#jobs.set(name, job)
    job.run = run
    this.#schedule.plan(job, time)
  }

  cancel(name: string): void {
    const job = this.#jobs.get(name)
    if (job !== undefined) this.#schedule.drop(job)
  }

  timeOf(name: string): number | undefined {
    return this.#jobs.get(name)?.plannedFor
  }
}
