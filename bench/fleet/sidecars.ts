import { SecretCache } from '../../src/secrets/cache.ts'
import type { Clock, Random } from '../../src/secrets/clock.ts'
import type { SecretsObserver } from '../../src/secrets/observer.ts'
import type { SecretState } from '../../src/secrets/reading.ts'
import { Refresher } from '../../src/secrets/refresher.ts'
import { Rules } from '../../src/secrets/rules.ts'
import { Source } from '../../src/secrets/source.ts'
import { type FleetBackend, providerOf } from './backend.ts'
import type { Scenario } from './scenario.ts'

/** How many secrets of the whole fleet are in each state. */
export type Census = Record<SecretState, number>

export function newCensus(secrets: number): Census {
  return { fresh: 0, stale: 0, expired: 0, missing: 0, 'not-loaded': secrets }
}

/** One sidecar as the composition root puts it together, without listeners: the real heart. */
export function startSidecar(
  scenario: Scenario,
  { clock, random, backend, census }: Fleet,
): { readonly refresher: Refresher; readonly cache: SecretCache; readonly rules: Rules } {
  const rules = new Rules(
    Array.from({ length: scenario.secrets }, (_, at) => ({
      name: `secret-${at}`,
      provider: 'p',
      key: `secret-${at}`,
      refreshMs: scenario.intervalMs,
      maxStaleMs: scenario.maxStaleMs,
      required: true,
    })),
  )
  const observer = observerOf(census)
  const sources = new Map([['p', new Source('p', providerOf(backend), clock, { random })]])
  // No pattern, so no evictions; the least bounds, since lru-cache sets its whole table up beforehand.
  const cache = new SecretCache({
    rules,
    clock,
    observer,
    maxEntries: 1,
    maxBytes: 2 ** 20,
    missingTtlMs: 10_000,
  })
  const refresher = new Refresher({ rules, cache, sources, clock, random, observer })
  refresher.start()
  return { refresher, cache, rules }
}

export interface Fleet {
  readonly clock: Clock
  readonly random: Random
  readonly backend: FleetBackend
  readonly census: Census
}

export function observerOf(census: Census): SecretsObserver {
  const nothing = (): void => {}
  return {
    called: nothing,
    failed: nothing,
    recovered: nothing,
    loaded: nothing,
    rotated: nothing,
    breakerChanged: nothing,
    listShrank: nothing,
    fellBack: nothing,
    cameBack: nothing,
    discovered: nothing,
    broke: nothing,
    stateChanged({ from, to }) {
      census[from] -= 1
      census[to] += 1
    },
  }
}
