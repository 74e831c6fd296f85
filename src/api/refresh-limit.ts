import type { FastifyInstance, FastifyRequest } from 'fastify'
import { CodedError } from '../errors.ts'

/**
 * How often in one second callers may ask for a refresh of one secret, or of all. A refresh is the one request that costs
 * the provider a call: those who ask at once share one, but a loop that asks again and again would be a hot loop there.
 * Far above what anyone needs; what the provider can bear is for its own limits to say. Each caller has budgets of its
 * own, so that none uses up another's: the provider is asked once a second for all of them together.
 */
export const refreshesPerSecond = { one: 100, all: 5 } as const

/** Which secret a request wants refreshed and whether it is declared or held, or all of them. */
export type Wanted = { readonly name: string; readonly isKnown: boolean } | 'all'

declare module 'fastify' {
  interface FastifyInstance {
    /** Rejects with SIDEKEEP_RATE_LIMITED when a refresh was asked for too often. */
    admitRefresh(request: FastifyRequest, wanted: Wanted): Promise<void>
  }
}

/** Gives the listener its `admitRefresh`; the plugin is registered by `limitRates`. */
export function limitRefreshes(app: FastifyInstance): void {
  const keys = new WeakMap<FastifyRequest, string>()
  let checks: Record<keyof typeof refreshesPerSecond, ReturnType<FastifyInstance['createRateLimit']>>
  app.after(() => {
    const check = (max: number) =>
      app.createRateLimit({ max, timeWindow: 1_000, keyGenerator: (request) => keys.get(request) ?? '' })
    checks = { one: check(refreshesPerSecond.one), all: check(refreshesPerSecond.all) }
  })
  app.decorate('admitRefresh', async (request, wanted) => {
    // Names that nobody knows share one budget, of all callers too: whoever makes them up could else have a call for each.
    if (wanted === 'all' || wanted.isKnown) keys.set(request, keyOf(request, wanted))
    const verdict = await checks[wanted === 'all' ? 'all' : 'one'](request)
    if (verdict.isAllowed || !verdict.isExceeded) return
    const limit = wanted === 'all' ? 'refreshes of all secrets' : 'refreshes of one secret'
    throw new CodedError('SIDEKEEP_RATE_LIMITED', [limit], { retryAfterMs: verdict.ttl })
  })
}

/** A caller's name has no space. */
function keyOf({ caller }: FastifyRequest, wanted: Wanted): string {
  return `${caller?.name ?? ''} ${wanted === 'all' ? '' : wanted.name}`
}
