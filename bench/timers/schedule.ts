/** In a process of its own: many jobs in one heap over one timer, or as many timers of Node, over and over for a while. */
import { systemClock } from '../../src/secrets/clock.ts'
import { type Job, Schedule } from '../../src/secrets/schedule.ts'
import { collect, tell } from './child.ts'

/** Every job comes once in this time, in milliseconds: short, so that one interval can be waited for. */
const interval = 20_000

export interface TimersMeasured {
  /** Of the JavaScript heap, for each job. */
  readonly bytesPerJob: number
  readonly cpuSeconds: number
  readonly wallSeconds: number
  readonly fired: number
  /** How much later than planned, in milliseconds. */
  readonly medianLate: number
  readonly p99Late: number
}

const [kind, count] = [process.argv[2], Number(process.argv[3])]
const due = new Float64Array(count)
const late: number[] = []

/** What a refresh costs here: the timing alone. */
const fired = (at: number): void => {
  late.push(performance.now() - (due[at] ?? 0))
  arm(at, interval * (0.81 + 0.18 * Math.random()))
}

/** A job as the refresher's units are: it carries its own place. */
class Refresh implements Job {
  plannedFor: number | undefined = undefined
  slot = -1
  readonly at: number

  constructor(at: number) {
    this.at = at
  }

  run(): void {
    fired(this.at)
  }
}

const schedule = new Schedule(systemClock)
const jobs: Job[] = []
const timers: NodeJS.Timeout[] = []
const arm = (at: number, delay: number): void => {
  const time = performance.now() + delay
  due[at] = time
  if (kind === 'schedule') {
    const job = jobs[at] ?? new Refresh(at)
    jobs[at] = job
    schedule.plan(job, time)
  } else timers[at] = setTimeout(fired, delay, at)
}

const before = collect()
for (let at = 0; at < count; at += 1) arm(at, 5_000 + interval * Math.random())
const bytesPerJob = (collect() - before) / count
late.length = 0

const cpu = process.cpuUsage()
const began = performance.now()
setTimeout(() => {
  const { user, system } = process.cpuUsage(cpu)
  const sorted = late.toSorted((a, b) => a - b)
  const share = (part: number): number => sorted[Math.floor(part * sorted.length)] ?? Number.NaN
  tell<TimersMeasured>({
    bytesPerJob,
    cpuSeconds: (user + system) / 1e6,
    wallSeconds: (performance.now() - began) / 1_000,
    fired: sorted.length,
    medianLate: share(0.5),
    p99Late: share(0.99),
  })
  process.exit(0)
}, 5_000 + interval)
