import type { LimitConfig, ProxyConfig } from '../../config/schema.ts'
import { CodedError } from '../../errors.ts'
import { quotaOf, type Verdict } from '../../limits/gcra.ts'
import type { ProxyObserver } from '../observer.ts'
import { type Renderer, renderers } from './headers.ts'
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
  return limits.map(({ name, mode, rate, burst, maxKeys }) => ({
    name,
    mode,
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
      const methods = match.methods && new Set(match.methods)
      return [
        {
          ...limit,
          place,
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
    const opinions = limits.flatMap((limit, at) => {
      const verdict = answer[at]
      return verdict === undefined ? [] : [{ limit, verdict }]
    })
    for (const { limit, verdict } of opinions) {
      if (!verdict.allowed) this.#observer.limited({ limit: limit.name, mode: limit.mode })
    }
    const enforced = opinions.filter(({ limit }) => limit.mode === 'enforce')
    const refusing = enforced.filter(({ verdict }) => !verdict.allowed)
    const headers = this.#render(
      enforced.map(({ limit, verdict }) => standingOf(limit, verdict, refusing.length > 0)),
    )
    const [first, ...others] = refusing
    if (first === undefined) return { headers }
    // The strictest one answers: before its time has come, the request would be refused again.
    const strictest = others.reduce(
      (a, b) => (b.verdict.retryAfterMs > a.verdict.retryAfterMs ? b : a),
      first,
    )
    const { retryAfterMs } = strictest.verdict
    return {
      headers,
      refusal: {
        error: new CodedError('SIDEKEEP_RATE_LIMITED', [strictest.limit.name], { retryAfterMs }),
        limits: refusing.map(({ limit }) => limit.name),
      },
    }
  }
}

function standingOf({ name, quota }: Limit, verdict: Verdict, isRefused: boolean) {
  const { allowed, remaining, retryAfterMs, resetMs } = verdict
  // Where another limit refuses the request, this one is not charged for it.
  const left = allowed && isRefused ? Math.min(quota.burst, remaining + 1) : remaining
  return { name, quota, remaining: left, resetMs: allowed ? resetMs : retryAfterMs }
}
