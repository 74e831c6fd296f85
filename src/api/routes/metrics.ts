import type { ApiMetrics } from '../ports.ts'
import { parseQuery } from '../query.ts'
import { sendText } from '../respond.ts'
import type { Route } from './route.ts'

/** `GET /metrics`, in Prometheus' text format. */
export function metricsRoute(metrics: ApiMetrics): Route {
  return {
    id: 'getMetrics',
    method: 'GET',
    url: '/metrics',
    path: '/metrics',
    skipsDoor: false,
    query: {},
    problems: ['SIDEKEEP_BAD_REQUEST'],
    async handle(request, reply) {
      parseQuery({}, request.query)
      const { contentType, body } = await metrics.render()
      sendText(request, reply, 200, body, contentType)
    },
  }
}
