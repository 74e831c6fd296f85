import type { FastifyReply } from 'fastify'
import { callerOf } from '../asking.ts'
import type { ApiMetrics } from '../ports.ts'
import { parseQuery } from '../query.ts'
import { notForAll } from '../refusals.ts'
import type { ApiRequest } from '../respond.ts'
import { sendText } from '../respond.ts'
import type { Route } from './route.ts'

/** `GET /metrics`, in Prometheus' text format, for whoever can connect. */
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
      await answerMetrics(metrics, request, reply)
    },
  }
}

/** @param mayTell asked again when the text is there: to make it takes a while. Throws where it may not */
async function answerMetrics(
  metrics: ApiMetrics,
  request: ApiRequest,
  reply: FastifyReply,
  mayTell?: () => void,
): Promise<void> {
  parseQuery({}, request.query)
  const { contentType, body } = await metrics.render()
  mayTell?.()
  sendText(request, reply, 200, body, contentType)
}

/** The same for callers: the labels name every declared secret, so it is for those alone who may know of all. */
export function callersMetricsRoute(metrics: ApiMetrics): Route {
  return {
    ...metricsRoute(metrics),
    right: 'list',
    async handle(request: ApiRequest, reply) {
      const caller = callerOf(request)
      if (!caller.mayKnowAll) throw notForAll(caller)
      await answerMetrics(metrics, request, reply, () => callerOf(request))
    },
  }
}
