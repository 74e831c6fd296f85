import type { FastifyInstance, FastifyRequest } from 'fastify'
import { CodedError } from '../errors.ts'

declare module 'fastify' {
  interface FastifyInstance {
    /** Counts a request of a caller that has a limit; resolves to SIDEKEEP_RATE_LIMITED where it is beyond that. */
    admitCaller(request: FastifyRequest): Promise<CodedError | undefined>
  }
}

/** Gives the listener its `admitCaller`. All tokens of a caller share its limit. */
export function limitCallers(app: FastifyInstance): void {
  let check: ReturnType<FastifyInstance['createRateLimit']>
  app.after(() => {
    check = app.createRateLimit({
      max: burstOf,
      timeWindow: (request) => (burstOf(request) * 1_000) / limitOf(request),
      keyGenerator: ({ caller }) => caller?.name ?? '',
    })
  })
  app.decorate('admitCaller', async (request) => {
    const verdict = await check(request)
    if (verdict.isAllowed || !verdict.isExceeded) return undefined
    const name = request.caller?.name
    const limit = name === undefined ? 'requests to this listener' : `requests of ${name}`
    return new CodedError('SIDEKEEP_RATE_LIMITED', [limit], { retryAfterMs: verdict.ttl })
  })
}

/** In requests a second. */
function limitOf({ caller }: FastifyRequest): number {
  return caller?.limit ?? Number.POSITIVE_INFINITY
}

/** As many as come in a second may come at once, and one always. */
function burstOf(request: FastifyRequest): number {
  return Math.max(1, Math.floor(limitOf(request)))
}
