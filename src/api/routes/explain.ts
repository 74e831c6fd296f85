import { callerOf } from '../asking.ts'
import { explained } from '../explained.ts'
import type { SecretRefresher } from '../ports.ts'
import { parseQuery } from '../query.ts'
import { tell } from '../recording.ts'
import { notNamed } from '../refusals.ts'
import { sendJson } from '../respond.ts'
import type { Waiters } from '../waiters.ts'
import type { Route } from './route.ts'

/** `GET /v1/explain/{name}`: why a secret is as it is, and what happens next. Never a value. */
export function explainSecretRoute(refresher: Pick<SecretRefresher, 'explain'>, waiters: Waiters): Route {
  return {
    id: 'explainSecret',
    method: 'GET',
    url: '/v1/explain/*',
    path: '/v1/explain/{name}',
    skipsDoor: false,
    right: 'list',
    namesSecret: true,
    action: 'explain',
    query: {},
    problems: ['SIDEKEEP_BAD_REQUEST', 'SIDEKEEP_SECRET_NOT_FOUND'],
    handle(request, reply) {
      parseQuery({}, request.query)
      const name = request.params['*'] ?? ''
      const explanation = refresher.explain(name)
      if (explanation === undefined) throw notNamed(name)
      const { version, state } = explanation
      tell(request, { version, state: state === 'undiscovered' ? undefined : state })
      const caller = callerOf(request)
      const mayKnow = (part: string): boolean => caller.mayKnow(part)
      sendJson(request, reply, explained(explanation, waiters.waitingFor(name), mayKnow))
    },
  }
}
