import { once } from 'node:events'
import { availableParallelism } from 'node:os'
import { Worker } from 'node:worker_threads'
import { type Counted, type Scenario, sumOf } from './scenario.ts'

/** Each sidecar sets up tables for the names that callers may ask for; this many fit a thread's heap with ease. */
const sidecarsPerSlice = 1_250
/** In MiB; V8's default for a thread is less than a throttled fleet in one piece needs. */
const heapLimit = 6_144
/** In MiB: what one call leaves behind is collected before it is ever copied. */
const youngLimit = 256

/**
 * Runs a scenario in slices, as many at a time as there are processors, and adds up what they counted. Sidecars know
 * nothing of each other, so that the sum is what one large simulation would count; but not where the backend's answer
 * depends on how much the others ask: a throttled fleet runs in one piece.
 */
export async function runSliced(scenario: Scenario, told: (line: string) => void): Promise<Counted> {
  const slices = scenario.throttle === undefined ? sliced(scenario) : [scenario]
  const waiting = slices.entries()
  const done: Counted[] = []
  const lane = async (): Promise<void> => {
    for (const [at, slice] of waiting) {
      const began = performance.now()
      const counted = await runInThread(slice)
      done.push(counted)
      const seconds = ((performance.now() - began) / 1_000).toFixed(0)
      const heap = (counted.heapBytes / 2 ** 20).toFixed(0)
      told(`${scenario.kind}, slice ${at + 1} of ${slices.length}: ${seconds} s, heap ${heap} MiB`)
    }
  }
  await Promise.all(Array.from({ length: availableParallelism() }, lane))
  return sumOf(done)
}

function sliced(scenario: Scenario): Scenario[] {
  const count = Math.ceil(scenario.sidecars / sidecarsPerSlice)
  return Array.from({ length: count }, (_, at) => {
    const from = Math.floor((scenario.sidecars * at) / count)
    const until = Math.floor((scenario.sidecars * (at + 1)) / count)
    return { ...scenario, sidecars: until - from, seed: scenario.seed + at }
  })
}

async function runInThread(scenario: Scenario): Promise<Counted> {
  const thread = new Worker(new URL('./thread.ts', import.meta.url), {
    workerData: scenario,
    resourceLimits: { maxOldGenerationSizeMb: heapLimit, maxYoungGenerationSizeMb: youngLimit },
  })
  const [counted] = (await once(thread, 'message')) as [Counted]
  return counted
}
