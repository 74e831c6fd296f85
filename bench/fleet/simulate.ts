import { FleetBackend } from './backend.ts'
import { startNaive } from './naive.ts'
import { type Counted, randomFrom, type Scenario, second } from './scenario.ts'
import { type Census, newCensus, startSidecar } from './sidecars.ts'
import { SimulationClock } from './simulation-clock.ts'

/** Runs one scenario from start to end in this thread. */
export async function simulate(scenario: Scenario): Promise<Counted> {
  const clock = new SimulationClock(scenario.lengthMs)
  const random = randomFrom(scenario.seed)
  const backend = new FleetBackend(scenario, clock, random)
  const census = newCensus(scenario.sidecars * scenario.secrets)
  const fleet = { clock, random, backend, census }
  // Held until the end: a sidecar that nothing refers to but its timers would be one all the same, but not by design.
  const running: object[] = []
  for (let at = 0; at < scenario.sidecars; at += 1) {
    clock.setTimer(() => {
      if (scenario.kind === 'naive') startNaive(scenario, fleet)
      else running.push(startSidecar(scenario, fleet))
    }, random() * scenario.waveMs)
  }
  const cpu = process.threadCpuUsage()
  const states = await takeCensus(clock, scenario.lengthMs, census)
  const { user, system } = process.threadCpuUsage(cpu)
  const { calls, throttled } = backend
  const heapBytes = process.memoryUsage().heapUsed
  return { calls, throttled, ...states, cpuSeconds: (user + system) / 1e6, heapBytes }
}

async function takeCensus(
  clock: SimulationClock,
  lengthMs: number,
  census: Census,
): Promise<Pick<Counted, 'notLoaded' | 'stale' | 'expired'>> {
  const seconds = Math.ceil(lengthMs / second) + 1
  const notLoaded = new Uint32Array(seconds)
  const stale = new Uint32Array(seconds)
  const expired = new Uint32Array(seconds)
  for (let at = 0; at < seconds; at += 1) {
    await clock.runUntil((at + 1) * second)
    notLoaded[at] = census['not-loaded']
    stale[at] = census.stale
    expired[at] = census.expired
  }
  return { notLoaded, stale, expired }
}
