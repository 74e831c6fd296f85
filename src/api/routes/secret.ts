import { durationPattern } from '../../config/quantities.ts'
import { CodedError } from '../../errors.ts'
import type { Reading } from '../../secrets/reading.ts'
import { wantsFetch } from '../../secrets/reading.ts'
import { callerOf, demandRight } from '../asking.ts'
import { within } from '../deadline.ts'
import { negotiate } from '../negotiate.ts'
import type { ApiDeps } from '../ports.ts'
import { parseQuery } from '../query.ts'
import { refreshRefusal, refreshTimedOut } from '../refusals.ts'
import type { ApiRequest } from '../respond.ts'
import { answerSecret, resultOf } from '../secret-answer.ts'
import { WaitingReads, waitAsked } from '../wait.ts'
import type { Waiters } from '../waiters.ts'
import type { Route } from './route.ts'

const query = {
  format: {
    type: 'string',
    enum: ['json', 'raw'],
    description: 'The form of the answer; without it the header Accept decides.',
  },
  field: {
    type: 'string',
    maxLength: 1_024,
    description:
      'Picks from a JSON value: a member of the object (`password`) or a JSON Pointer (`/db/password`).',
  },
  refresh: { type: 'boolean', description: 'Fetches the secret from its provider first.' },
  wait: {
    type: 'string',
    pattern: durationPattern.source,
    examples: ['500ms', '30s', '1m'],
    description:
      'Waits for another version than If-None-Match names, up to this long and to api.maxWait; then 304. Goes before `Prefer: wait`.',
  },
} as const

type SecretDeps = Pick<ApiDeps, 'cache' | 'refresher' | 'metrics' | 'clock' | 'config'>

/**
 * `GET /v1/secrets/{name}`: the value. From memory, unless it was never fetched, a refresh is asked for, or the caller
 * wants to wait for a change.
 */
export function secretRoute(deps: SecretDeps, waiters: Waiters): Route {
  const { cache, refresher, metrics, clock } = deps
  const waitingReads = new WaitingReads(deps, waiters)

  async function demanded(request: ApiRequest, name: string): Promise<Reading> {
    metrics.cacheRead('miss')
    const reading = await refresher.demand(name, deps.config.demandTimeout)
    callerOf(request)
    return reading
  }

  async function refreshed(request: ApiRequest, name: string): Promise<Reading> {
    const { refreshTimeout } = deps.config
    demandRight(request, 'refresh')
    metrics.cacheRead('bypass')
    await request.server.admitRefresh(request, { name, isKnown: cache.status(name) !== undefined })
    const result = await within(clock, refreshTimeout, refresher.refresh(name))
    callerOf(request)
    if (result === undefined) throw refreshTimedOut(name, `no answer within ${refreshTimeout} ms`)
    const refusal = refreshRefusal(name, result)
    if (refusal !== undefined) throw refusal
    return cache.read(name)
  }

  return {
    id: 'getSecret',
    method: 'GET',
    url: '/v1/secrets/*',
    path: '/v1/secrets/{name}',
    skipsDoor: false,
    right: 'read',
    namesSecret: true,
    action: 'read',
    query,
    problems: [
      'SIDEKEEP_BAD_REQUEST',
      'SIDEKEEP_SECRET_NOT_FOUND',
      'SIDEKEEP_FIELD_NOT_FOUND',
      'SIDEKEEP_SECRET_NOT_LOADED',
      'SIDEKEEP_SECRET_EXPIRED',
      'SIDEKEEP_TOO_MANY_WAITERS',
      'SIDEKEEP_RATE_LIMITED',
      'SIDEKEEP_REFRESH_FAILED',
      'SIDEKEEP_REFRESH_THROTTLED',
      'SIDEKEEP_REFRESH_TIMED_OUT',
      'SIDEKEEP_SHUTTING_DOWN',
    ],
    closing: () => waiters.close(),
    handle(request, reply) {
      const name = request.params['*'] ?? ''
      const {
        format = negotiate(request.headers.accept),
        field,
        refresh,
        wait,
      } = parseQuery(query, request.query)
      const wanted = { name, form: format, field }
      if (refresh === true) {
        if (wait !== undefined) throw contradiction()
        return refreshed(request, name).then((reading) => answerSecret(request, reply, wanted, reading))
      }
      const { prefer } = request.headers
      if (wait !== undefined || prefer !== undefined) {
        const asked = waitAsked(wait, prefer, deps.config)
        if (wait !== undefined) demandRight(request, 'watch')
        // A preference is only that: whoever may not wait is answered at once (RFC 7240, section 2).
        if (asked !== undefined && callerOf(request).has('watch'))
          return waitingReads.answer(request, reply, wanted, asked)
      }
      const reading = cache.read(name)
      if (wantsFetch(reading)) {
        return demanded(request, name).then((fetched) => answerSecret(request, reply, wanted, fetched))
      }
      metrics.cacheRead(resultOf(reading))
      answerSecret(request, reply, wanted, reading)
      return undefined
    },
  }
}

function contradiction(): CodedError {
  const detail =
    'The query parameters "refresh" and "wait" exclude each other: the one asks the provider now, the other waits until it has something new.'
  return new CodedError('SIDEKEEP_BAD_REQUEST', [detail])
}
