import { CodedError } from '../../errors.ts'
import type { RefreshResult } from '../../secrets/reading.ts'
import { callerOf } from '../asking.ts'
import { within } from '../deadline.ts'
import { itemOf } from '../item.ts'
import type { ApiDeps } from '../ports.ts'
import { parseQuery } from '../query.ts'
import { tell } from '../recording.ts'
import { refreshRefusal, refreshTimedOut } from '../refusals.ts'
import { sendJson } from '../respond.ts'
import type { Route } from './route.ts'

type RefreshDeps = Pick<ApiDeps, 'cache' | 'refresher' | 'clock' | 'config'>

/** `POST /v1/refresh/{name}`: fetches one secret now and answers how it stands, without its value. */
export function refreshSecretRoute({ cache, refresher, clock, config }: RefreshDeps): Route {
  return {
    id: 'refreshSecret',
    method: 'POST',
    url: '/v1/refresh/*',
    path: '/v1/refresh/{name}',
    skipsDoor: false,
    right: 'refresh',
    namesSecret: true,
    action: 'refresh',
    query: {},
    problems: [
      'SIDEKEEP_BAD_REQUEST',
      'SIDEKEEP_RATE_LIMITED',
      'SIDEKEEP_SECRET_NOT_FOUND',
      'SIDEKEEP_REFRESH_FAILED',
      'SIDEKEEP_REFRESH_THROTTLED',
      'SIDEKEEP_REFRESH_TIMED_OUT',
      'SIDEKEEP_SHUTTING_DOWN',
    ],
    async handle(request, reply) {
      parseQuery({}, request.query)
      const name = request.params['*'] ?? ''
      await request.server.admitRefresh(request, { name, isKnown: cache.status(name) !== undefined })
      callerOf(request)
      const result = await within(clock, config.refreshTimeout, refresher.refresh(name))
      callerOf(request)
      if (result === undefined) throw refreshTimedOut(name, `no answer within ${config.refreshTimeout} ms`)
      const refusal = refreshRefusal(name, result)
      if (refusal !== undefined) throw refusal
      if ('status' in result && result.status !== undefined) tell(request, result.status)
      sendJson(request, reply, outcomeOf(name, result))
    },
  }
}

/** `POST /v1/refresh`: fetches everything now. 200 whatever came of it, since each secret has an outcome of its own. */
export function refreshAllRoute({ refresher, clock, config }: RefreshDeps): Route {
  return {
    id: 'refreshSecrets',
    method: 'POST',
    url: '/v1/refresh',
    path: '/v1/refresh',
    skipsDoor: false,
    right: 'refresh',
    action: 'refresh',
    query: {},
    problems: ['SIDEKEEP_BAD_REQUEST', 'SIDEKEEP_RATE_LIMITED', 'SIDEKEEP_REQUEST_TIMED_OUT'],
    async handle(request, reply) {
      parseQuery({}, request.query)
      await request.server.admitRefresh(request, 'all')
      const caller = callerOf(request)
      const work = refresher.refreshAll(caller.mayKnowAll ? undefined : (name) => caller.mayKnow(name))
      const results = await within(clock, config.refreshTimeout, work)
      callerOf(request)
      if (results === undefined) throw new CodedError('SIDEKEEP_REQUEST_TIMED_OUT', [config.refreshTimeout])
      sendJson(request, reply, { secrets: results.map(({ name, result }) => outcomeOf(name, result)) })
    },
  }
}

/** How one secret stands after a refresh; where that failed, with the code and the detail that it alone would have had. */
function outcomeOf(name: string, result: RefreshResult): object {
  const { outcome } = result
  const item = 'status' in result && result.status !== undefined ? itemOf(result.status) : { name }
  const refusal = refreshRefusal(name, result)
  return refusal === undefined
    ? { ...item, outcome }
    : { ...item, outcome, code: refusal.code, detail: refusal.message }
}
