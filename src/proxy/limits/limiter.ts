import type { LimitConfig, ProxyConfig } from '../../config/schema.ts'
import { CodedError } from '../../errors.ts'
import { quotaOf, type Verdict } from '../../limits/gcra.ts'
import type { ProxyObserver } from '../observer.ts'
import { policyOf, type Renderer, renderers, type Standing } from './headers.ts'
import { type Asked, keyOf } from './keys.ts'
import { pathMatcher, plainPath } from './matching.ts'
import type { Answer, Demand, LimitStore, StoredLimit } from './store.ts'

/** What the limits say of one request. */
export interface Ruling {
  /** For the answer, whoever gives it: names and values in turn. */
  readonly headers: readonly string[]
  /** Why the request is refused, and by which limits; by none where they could not be asked. */
  readonly refusal?: { readonly error: CodedError; readonly limits: readonly string[] }
}

interface Limit extends StoredLimit {
  readonly place: number
  /** As a header has it. */
  readonly policy: string
  readonly key: LimitConfig['key']
  readonly methods: ReadonlySet<string> | undefined
  readonly matches: ((plain: string) => boolean) | undefined
}

export interface LimiterOptions {
  readonly limits: readonly LimitConfig[]
  /** Made for `storedLimits` of the same limits. */
  readonly store: LimitStore
  readonly headers: ProxyConfig['rateLimitHeaders']
  readonly observer: Pick<ProxyObserver, 'limited'>
}

const unlimited: Ruling = { headers: [] }

/** Milliseconds after which to ask again, where the store could not be asked. */
const storeRetryAfter = 1_000

/** The limits of a configuration as a store wants them: in the same order. */
export function storedLimits(limits: readonly LimitConfig[]): StoredLimit[] {
  return limits.map(({ name, mode, key, rate, burst, maxKeys }) => ({
    name,
    mode,
    by: key.map((part) => ('name' in part ? `${part.by}:${part.name}` : part.by)).join(),
    quota: quotaOf(rate, burst),
    maxKeys,
  }))
}

/**
 * All limits of the proxy over one request. It is not @fastify/rate-limit, which asks one limit after the other, counting
 * as it asks: with several limits a request that the second one refuses would have used up the first one's budget. Nor
 * could its answers carry several limits: each registration overwrites the headers of the one before.
 */
export class Limiter {
  readonly #limits: readonly Limit[]
  readonly #store: LimitStore
  readonly #render: Renderer
  readonly #observer: Pick<ProxyObserver, 'limited'>
  readonly #readsPaths: boolean

  constructor({ limits, store, headers, observer }: LimiterOptions) {
    const stored = storedLimits(limits)
    this.#limits = limits.flatMap(({ key, match }, place): Limit[] => {
      const limit = stored[place]
      if (limit === undefined) return []
      const methods = match.methods && methodsOf(match.methods)
      return [
        {
          ...limit,
          place,
          policy: policyOf(limit),
          key,
          methods,
          matches: match.path === undefined ? undefined : pathMatcher(match.path),
        },
      ]
    })
    this.#store = store
    this.#render = renderers[headers]
    this.#observer = observer
    this.#readsPaths = this.#limits.some(({ matches }) => matches !== undefined)
  }

  /**
   * Rules on a request and counts it. At once, where the store is this process.
   *
   * @param now milliseconds on the monotonic clock
   */
  rule(asked: Asked, now: number): Ruling | Promise<Ruling> {
    const limits = this.#limitsFor(asked)
    if (limits.length === 0) return unlimited
    const demands = limits.map(({ place, key }): Demand => ({ place, key: keyOf(key, asked) }))
    const answer = this.#store.take(demands, now)
    return answer instanceof Promise
      ? answer.then((later) => this.#ruling(limits, later))
      : this.#ruling(limits, answer)
  }

  #limitsFor(asked: Asked): readonly Limit[] {
    if (this.#limits.length === 0) return this.#limits
    const plain = this.#readsPaths ? plainPath(asked.path) : ''
    const isFor = ({ methods, matches }: Limit): boolean =>
      (methods === undefined || methods.has(asked.method)) && (matches === undefined || matches(plain))
    return this.#limits.every(isFor) ? this.#limits : this.#limits.filter(isFor)
  }

  #ruling(limits: readonly Limit[], answer: Answer): Ruling {
    if (answer === 'allow') return unlimited
    if (answer === 'deny') {
      const error = new CodedError('SIDEKEEP_LIMITS_UNAVAILABLE', [], { retryAfterMs: storeRetryAfter })
      return { headers: [], refusal: { error, limits: [] } }
    }
    const refusing = this.#refusing(limits, answer)
    const standings: Standing[] = []
    let at = 0
    for (const limit of limits) {
      const verdict = answer[at]
      at += 1
      if (verdict !== undefined && limit.mode === 'enforce')
        standings.push(standingOf(limit, verdict, refusing !== undefined))
    }
    const headers = this.#render(standings)
    return refusing === undefined ? { headers } : { headers, refusal: refusing }
  }

  /** Tells of what is exceeded; what the request is refused for, or undefined. */
  #refusing(limits: readonly Limit[], verdicts: readonly Verdict[]): Ruling['refusal'] {
    let names: string[] | undefined
    // The strictest one answers: before its time has come, the request would be refused again.
    let strictest = ''
    let retryAfterMs = 0
    let at = 0
    for (const { name, mode } of limits) {
      const verdict = verdicts[at]
      at += 1
      if (verdict === undefined || verdict.allowed) continue
      this.#observer.limited({ limit: name, mode })
      if (mode !== 'enforce') continue
      names ??= []
      names.push(name)
      if (verdict.retryAfterMs > retryAfterMs) {
        strictest = name
        retryAfterMs = verdict.retryAfterMs
      }
    }
    if (names === undefined) return undefined
    return { error: new CodedError('SIDEKEEP_RATE_LIMITED', [strictest], { retryAfterMs }), limits: names }
  }
}

function standingOf({ name, quota, policy }: Limit, verdict: Verdict, isRefused: boolean): Standing {
  const { allowed, remaining, retryAfterMs, resetMs } = verdict
  // Where another limit refuses the request, this one is not charged for it.
  const left = allowed && isRefused ? Math.min(quota.burst, remaining + 1) : remaining
  return { name, quota, policy, remaining: left, resetMs: allowed ? resetMs : retryAfterMs }
}

/** Who asks for the head of an answer makes the application work as for all of it, and most do so by the same handler. */
function methodsOf(methods: readonly string[]): ReadonlySet<string> {
  return new Set(methods.includes('GET') ? [...methods, 'HEAD'] : methods)
}
