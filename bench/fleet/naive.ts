import type { Scenario } from './scenario.ts'
import type { Fleet } from './sidecars.ts'

/**
 * What a sidecar without a scheduler does: fetches its secrets one after the other, sleeps for the interval, and begins
 * again. What failed is tried again after the same sleep. Counts a secret as stale while its last fetch failed.
 */
export function startNaive(scenario: Scenario, { clock, backend, census }: Fleet): void {
  const states: ('not-loaded' | 'fresh' | 'stale')[] = new Array(scenario.secrets).fill('not-loaded')
  const settle = (at: number, ok: boolean): void => {
    const from = states[at] ?? 'not-loaded'
    const to = ok ? 'fresh' : from === 'not-loaded' ? 'not-loaded' : 'stale'
    census[from] -= 1
    census[to] += 1
    states[at] = to
  }
  const fetchFrom = (at: number): void => {
    if (at === scenario.secrets) {
      clock.setTimer(() => fetchFrom(0), scenario.intervalMs)
      return
    }
    backend.call((answer) => {
      settle(at, answer === 'ok')
      fetchFrom(at + 1)
    })
  }
  fetchFrom(0)
}
