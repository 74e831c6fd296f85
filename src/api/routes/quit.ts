import { callerOf } from '../asking.ts'
import type { ApiDeps } from '../ports.ts'
import { parseQuery } from '../query.ts'
import { sendText } from '../respond.ts'
import type { Route } from './route.ts'

/**
 * `POST /quitquitquit`: begins the stop, for a Job whose application has done its work. The path is the one that other
 * sidecars have for it (Istio's agent, the Cloud SQL proxy), so that an entry script needs no other.
 */
export function quitRoute(deps: Pick<ApiDeps, 'quit'>): Route {
  return {
    id: 'quit',
    method: 'POST',
    url: '/quitquitquit',
    path: '/quitquitquit',
    skipsDoor: false,
    right: 'control',
    action: 'quit',
    query: {},
    status: 202,
    problems: ['SIDEKEEP_BAD_REQUEST', 'SIDEKEEP_RATE_LIMITED'],
    handle(request, reply) {
      parseQuery({}, request.query)
      callerOf(request)
      // The stop answers what is under way, this too: it waits for it. Nobody ends it without the line that has to be.
      const about = { deed: () => deps.quit() }
      sendText(request, reply, 202, '{"stopping":true}', 'application/json; charset=utf-8', about)
    },
  }
}
