import type { Test } from 'tap'
import { type OnValue, SecretCache } from '../../src/secrets/cache.ts'
import type { Clock, Random } from '../../src/secrets/clock.ts'
import type { Provider } from '../../src/secrets/provider.ts'
import type { Reading } from '../../src/secrets/reading.ts'
import { Refresher } from '../../src/secrets/refresher.ts'
import type { Match, Rule } from '../../src/secrets/rules.ts'
import { Rules } from '../../src/secrets/rules.ts'
import type { CallLimits } from '../../src/secrets/source.ts'
import { Source } from '../../src/secrets/source.ts'
import { Recorder } from './heart-events.ts'

export const second = 1_000
export const minute = 60 * second
export const hour = 60 * minute
export const day = 24 * hour

/** A rule with the provider `p` and its own name as key, fresh for a minute and served for an hour, unless told else. */
export function ruleOf(name: string, more: Partial<Rule> = {}): Rule {
  return { name, provider: 'p', key: name, refreshMs: minute, maxStaleMs: hour, required: false, ...more }
}

export interface RigOptions<C extends Clock = Clock> {
  readonly rules: readonly Rule[]
  /** The backend of the provider `p`, or all of them by name. */
  readonly backend: Provider | ReadonlyMap<string, Provider>
  readonly clock: C
  readonly random?: Random
  readonly maxEntries?: number
  readonly maxBytes?: number
  readonly missingTtlMs?: number
  /** Of every source. */
  readonly limits?: Partial<CallLimits>
  /** Told beside the refresher of what is evicted. */
  readonly onEvicted?: (match: Match) => void
  readonly onValue?: OnValue
}

/** The heart as the composition root puts it together, on a virtual clock. */
export interface Rig<C extends Clock = Clock> {
  readonly clock: C
  readonly cache: SecretCache
  readonly refresher: Refresher
  /** By the providers' names; a test that replaces one puts the new one here, so that it is closed in the end. */
  readonly sources: Map<string, Source>
  readonly events: Recorder
  /** What a caller is told of a secret, in one word, and the value where there is one. */
  see(name: string): string
  /** As the composition root stops it; happens at the end of each test anyway. */
  stop(): Promise<void>
}

export function createRig<C extends Clock>(t: Pick<Test, 'teardown'>, options: RigOptions<C>): Rig<C> {
  const { clock } = options
  const backends = options.backend instanceof Map ? options.backend : new Map([['p', options.backend]])
  const sources = new Map<string, Source>()
  const random = options.random ?? (() => 0.5)
  const events = new Recorder()
  for (const [name, backend] of backends) {
    const onBreaker = events.breakerChanged.bind(events)
    sources.set(name, new Source(name, backend, clock, { random, limits: options.limits ?? {}, onBreaker }))
  }
  const rules = new Rules(options.rules)
  const cache = new SecretCache({
    rules,
    clock,
    observer: events,
    maxEntries: options.maxEntries ?? 1_000,
    maxBytes: options.maxBytes ?? 64 * 1024 * 1024,
    missingTtlMs: options.missingTtlMs ?? 10 * second,
    onEvicted: (match) => {
      options.onEvicted?.(match)
      refresher.forget(match)
    },
    ...(options.onValue === undefined ? {} : { onValue: options.onValue }),
  })
  const refresher = new Refresher({ rules, cache, sources, clock, random, observer: events })
  const stop = async (): Promise<void> => {
    refresher.stop()
    for (const source of sources.values()) await source.close()
    cache.close()
  }
  t.teardown(stop)
  return { clock, cache, refresher, sources, events, see: (name) => inWords(cache.read(name)), stop }
}

/** A reading in one line: `fresh VALUE`, `stale VALUE`, or its kind. */
export function inWords(reading: Reading): string {
  return reading.kind === 'held' ? `${reading.state} ${reading.secret.reveal().toString()}` : reading.kind
}
