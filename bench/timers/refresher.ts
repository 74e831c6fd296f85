/** In a process of its own: a Refresher with many declared secrets, key by key, on a virtual clock. */
import { SecretCache } from '../../src/secrets/cache.ts'
import type { Provider } from '../../src/secrets/provider.ts'
import { Refresher } from '../../src/secrets/refresher.ts'
import { Rules } from '../../src/secrets/rules.ts'
import { SecretValue } from '../../src/secrets/secret.ts'
import { Source } from '../../src/secrets/source.ts'
import { randomFrom } from '../fleet/scenario.ts'
import { newCensus, observerOf } from '../fleet/sidecars.ts'
import { SimulationClock } from '../fleet/simulation-clock.ts'
import { collect, tell } from './child.ts'

export interface RefresherMeasured {
  /** Bytes of the heap for each secret, by what was built last. */
  readonly bytes: {
    readonly rules: number
    readonly cache: number
    readonly refresher: number
    readonly loaded: number
  }
  readonly rssPerSecret: number
  readonly fresh: number
  /** For one interval of 5 minutes with a call for each secret. */
  readonly cpuSeconds: number
  readonly calls: number
}

const count = Number(process.argv[2])
const interval = 5 * 60_000
const size = 32

const clock = new SimulationClock(10 * interval)
const census = newCensus(count)
const observer = observerOf(census)
const random = randomFrom(1)
let calls = 0
const provider: Provider = {
  async fetch(keys) {
    calls += 1
    const value = SecretValue.fromText(`CANARY-${keys[0]}`.padEnd(size, '.'))
    return new Map(keys.map((key) => [key, { value, version: 'v1' }]))
  },
}

const rssBefore = process.memoryUsage().rss
let last = collect()
/** What each secret has cost since the last time. */
const step = (): number => {
  const now = collect()
  const bytes = (now - last) / count
  last = now
  return bytes
}

const rules = new Rules(
  Array.from({ length: count }, (_, at) => ({
    name: `secret-${at}`,
    provider: 'p',
    key: `secret-${at}`,
    refreshMs: interval,
    maxStaleMs: 24 * 60 * 60_000,
    required: true,
  })),
)
const rulesBytes = step()
const cache = new SecretCache({
  rules,
  clock,
  observer,
  maxEntries: 1,
  maxBytes: 2 ** 20,
  missingTtlMs: 10_000,
})
const cacheBytes = step()
// Not what is measured: with the default budget the first fetch of all would take a quarter of an hour.
const limits = { maxCallsPerSecond: 1_000_000, maxConcurrentCalls: 1_000, maxQueuedCalls: 1_000 }
const sources = new Map([['p', new Source('p', provider, clock, { random, limits })]])
const refresher = new Refresher({ rules, cache, sources, clock, random, observer })
const refresherBytes = step()
refresher.start()
await clock.runUntil(2 * interval)
const loadedBytes = step()

const callsBefore = calls
const cpu = process.cpuUsage()
await clock.runUntil(3 * interval)
const { user, system } = process.cpuUsage(cpu)
tell<RefresherMeasured>({
  bytes: { rules: rulesBytes, cache: cacheBytes, refresher: refresherBytes, loaded: loadedBytes },
  rssPerSecret: (process.memoryUsage().rss - rssBefore) / count,
  fresh: census.fresh,
  cpuSeconds: (user + system) / 1e6,
  calls: calls - callsBefore,
})
refresher.stop()
cache.close()
