import { callerOf } from '../asking.ts'
import { within } from '../deadline.ts'
import type { ApiDeps } from '../ports.ts'
import { parseQuery } from '../query.ts'
import { tell } from '../recording.ts'
import { fetchRefusal, notFound, refreshTimedOut } from '../refusals.ts'
import { rejectedVersion } from '../rejection.ts'
import { sendJson } from '../respond.ts'
import type { Route } from './route.ts'

/**
 * `POST /v1/rejected/{name}`: a backend refused a credential that the caller has from here. Where it is the version held,
 * it is fetched again now; the answer says which version is held then.
 */
export function rejectSecretRoute(deps: Pick<ApiDeps, 'cache' | 'refresher' | 'clock' | 'config'>): Route {
  const { cache, refresher, clock } = deps
  return {
    id: 'rejectSecret',
    method: 'POST',
    url: '/v1/rejected/*',
    path: '/v1/rejected/{name}',
    skipsDoor: false,
    right: 'refresh',
    namesSecret: true,
    action: 'rejected',
    query: {},
    takesJson: true,
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
      const version = rejectedVersion(request.body)
      const name = request.params['*'] ?? ''
      const { refreshTimeout } = deps.config
      await request.server.admitRefresh(request, { name, isKnown: cache.status(name) !== undefined })
      // The body may have been long in coming.
      callerOf(request)
      const result = await within(clock, refreshTimeout, refresher.rejected(name, version))
      callerOf(request)
      if (result === undefined) throw refreshTimedOut(name, `no answer within ${refreshTimeout} ms`)
      if (result.outcome === 'not-found') throw notFound(name)
      if (result.outcome === 'failed') throw fetchRefusal(name, result.error)
      tell(request, { version: result.version, state: undefined })
      sendJson(request, reply, { version: result.version, changed: result.changed })
    },
  }
}
