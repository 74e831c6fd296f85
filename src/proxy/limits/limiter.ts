import { hash } from 'node:crypto'
import type { IncomingHttpHeaders } from 'node:http'
import { isDeepStrictEqual } from 'node:util'
import type { LimitConfig, LimitKey } from '../../config/schema.ts'
import { CodedError } from '../../errors.ts'
import { judge, type Quota, quotaOf, type Verdict } from '../../limits/gcra.ts'
import { defaultCapacity, TatTable } from '../../limits/tat-table.ts'
import type { ProxyObserver } from '../observer.ts'
import { policyHeader, rateLimitHeader } from './headers.ts'

/** Whom a request comes from, as limits see it. */
export interface Source {
  /** The client's address, as `addressKey` gives it. */
  readonly client: string
  readonly headers: IncomingHttpHeaders
}

/** What the limits say of one request. */
export interface Ruling {
  /** For the answer, whoever gives it: names and values in turn. */
  readonly headers: readonly string[]
  /** Why the request is refused, and by which limits. */
  readonly refusal?: { readonly error: CodedError; readonly limits: readonly string[] }
}

interface Limit {
  readonly name: string
  readonly mode: LimitConfig['mode']
  readonly key: LimitKey
  readonly quota: Quota
  readonly table: TatTable
}

/** One limit's part in the ruling on one request. */
interface Opinion {
  readonly limit: Limit
  readonly key: string
  readonly verdict: Verdict
}

export interface LimiterOptions {
  readonly limits: readonly LimitConfig[]
  readonly exempt: readonly string[]
  readonly observer: ProxyObserver
  /** Keys that each limit remembers. */
  readonly capacity?: number
  /** The limits until now: what is owed to one that stays the same is still owed. */
  readonly former?: readonly Limit[]
}

const unlimited: Ruling = { headers: [] }

/**
 * All limits of the proxy over one request, in two steps: every limit is asked, and only when all of them let the
 * request through does it cost anything. That is why @fastify/rate-limit is not used here: its store counts as it asks,
 * and asynchronously, so with several limits a request that the second one refuses would have used up the first one's
 * budget (whoever hammers a limit of their own would drain the one that all share), and two requests could both pass on
 * the last place. Its answers could not carry several limits either: each registration overwrites the one `ratelimit-*`
 * header of the one before.
 */
export class Limiter {
  readonly #limits: readonly Limit[]
  readonly #policies: string
  readonly #exactly: ReadonlySet<string>
  readonly #prefixes: readonly string[]
  readonly #observer: ProxyObserver
  readonly #capacity: number

  constructor({ limits, exempt, observer, capacity = defaultCapacity, former = [] }: LimiterOptions) {
    this.#capacity = capacity
    this.#limits = limits.map(({ name, mode, key, rate, burst }) => {
      const quota = quotaOf(rate, burst)
      const same = former.find(
        (limit) =>
          limit.name === name && isDeepStrictEqual(limit.key, key) && isDeepStrictEqual(limit.quota, quota),
      )
      return { name, mode, key, quota, table: same?.table ?? new TatTable(capacity) }
    })
    this.#policies = policyHeader(this.#limits.filter(isEnforced))
    this.#exactly = new Set(exempt.filter((path) => !path.endsWith('*')))
    this.#prefixes = exempt.filter((path) => path.endsWith('*')).map((path) => path.slice(0, -1))
    this.#observer = observer
  }

  /**
   * The limits of another configuration in place of these. Only one of the two may be asked from then on: they share
   * what is owed to the limits that stay.
   */
  successor({ limits, exempt }: Pick<LimiterOptions, 'limits' | 'exempt'>): Limiter {
    return new Limiter({
      limits,
      exempt,
      observer: this.#observer,
      capacity: this.#capacity,
      former: this.#limits,
    })
  }

  /**
   * Rules on a request and counts it.
   *
   * @param path without its query; dot segments must have been refused, or an exempt beginning would let them through
   * @param now milliseconds on the monotonic clock
   */
  rule(path: string, source: Source, now: number): Ruling {
    if (this.#limits.length === 0 || this.#isExempt(path)) return unlimited
    const opinions = this.#limits.map((limit): Opinion => {
      const key = keyOf(limit.key, source)
      return { limit, key, verdict: judge(limit.quota, limit.table.read(key, now), now) }
    })
    for (const { limit, verdict } of opinions) {
      if (!verdict.allowed) this.#observer.limited({ limit: limit.name, mode: limit.mode })
    }
    const enforced = opinions.filter(({ limit }) => isEnforced(limit))
    const refusing = enforced.filter(({ verdict }) => !verdict.allowed)
    const isRefused = refusing.length > 0
    if (!isRefused) {
      for (const { limit, key, verdict } of opinions) {
        if (verdict.allowed) limit.table.write(key, verdict.tat)
      }
    }
    const headers = this.#headers(enforced, isRefused)
    if (!isRefused) return { headers }
    // The strictest one answers: before its time has come, the request would be refused again.
    const strictest = refusing.reduce((a, b) => (b.verdict.retryAfterMs > a.verdict.retryAfterMs ? b : a))
    const { retryAfterMs } = strictest.verdict
    return {
      headers,
      refusal: {
        error: new CodedError('SIDEKEEP_RATE_LIMITED', [strictest.limit.name], { retryAfterMs }),
        limits: refusing.map(({ limit }) => limit.name),
      },
    }
  }

  #headers(enforced: readonly Opinion[], isRefused: boolean): string[] {
    if (enforced.length === 0) return []
    const states = enforced.map(({ limit, verdict }) => {
      const { allowed, remaining, retryAfterMs, resetMs } = verdict
      // Where another limit refuses the request, this one is not charged for it.
      const left = allowed && isRefused ? remaining + 1 : remaining
      return { name: limit.name, remaining: left, resetMs: allowed ? resetMs : retryAfterMs }
    })
    return ['RateLimit-Policy', this.#policies, 'RateLimit', rateLimitHeader(states)]
  }

  #isExempt(path: string): boolean {
    return this.#exactly.has(path) || this.#prefixes.some((prefix) => path.startsWith(prefix))
  }
}

function isEnforced(limit: Limit): boolean {
  return limit.mode === 'enforce'
}

function keyOf(key: LimitKey, source: Source): string {
  switch (key.by) {
    case 'client-ip':
      return source.client
    case 'none':
      return ''
    case 'header': {
      const value = source.headers[key.name]
      // All requests without the header share one budget: to leave it out must not be a way around the limit.
      if (value === undefined) return ''
      // Clients choose the length, and what identifies a client is often a credential: neither belongs in the table.
      return hash('sha256', String(value), 'base64url').slice(0, 22)
    }
  }
}
