import { callerOf } from '../asking.ts'
import { itemOf } from '../item.ts'
import type { SecretReader } from '../ports.ts'
import { parseQuery } from '../query.ts'
import { sendJson } from '../respond.ts'
import type { Route } from './route.ts'

const query = {
  prefix: { type: 'string', description: 'Only secrets whose name begins with this.', maxLength: 256 },
} as const

/** `GET /v1/secrets`: what is declared or held and the caller may know of, never a value. */
export function secretsRoute(cache: Pick<SecretReader, 'statuses'>): Route {
  return {
    id: 'listSecrets',
    method: 'GET',
    url: '/v1/secrets',
    path: '/v1/secrets',
    skipsDoor: false,
    right: 'list',
    action: 'list',
    query,
    problems: ['SIDEKEEP_BAD_REQUEST'],
    handle(request, reply) {
      const { prefix = '' } = parseQuery(query, request.query)
      const caller = callerOf(request)
      const statuses = cache.statuses((name) => name.startsWith(prefix) && caller.mayKnow(name))
      sendJson(request, reply, { secrets: statuses.map(itemOf) })
    },
  }
}
