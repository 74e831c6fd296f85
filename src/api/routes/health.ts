import type { FastifyReply } from 'fastify'
import { CodedError } from '../../errors.ts'
import type { Health, ProbeName } from '../health.ts'
import { answerProbe } from '../health.ts'
import { parseQuery } from '../query.ts'
import type { ApiRequest } from '../respond.ts'
import { sendText } from '../respond.ts'
import type { ProbeOperationId, Route } from './route.ts'

const query = {
  verbose: { type: 'boolean', description: 'One line for each check, also where all pass.' },
  exclude: {
    type: 'array',
    items: { type: 'string' },
    description: 'The name of a check that does not count. May be given several times.',
  },
} as const

/** The probes: `/livez`, `/startupz`, `/readyz`, and `/healthz` which is another name for the first. */
export function healthRoutes(health: Health): Route[] {
  return [
    ...probe('/livez', health, 'livez', 'live', 'liveCheck'),
    ...probe('/healthz', health, 'livez', 'healthy', 'healthyCheck'),
    ...probe('/startupz', health, 'startupz', 'started', 'startedCheck'),
    ...probe('/readyz', health, 'readyz', 'ready', 'readyCheck'),
  ]
}

function probe(
  path: string,
  health: Health,
  name: ProbeName,
  whole: ProbeOperationId,
  single: ProbeOperationId,
): Route[] {
  const title = path.slice(1)
  const checks = health[name]
  const common = { method: 'GET', skipsDoor: true, query } as const
  return [
    {
      ...common,
      id: whole,
      url: path,
      path,
      problems: ['SIDEKEEP_BAD_REQUEST'],
      handle(request: ApiRequest, reply: FastifyReply): void {
        const { status, body } = answerProbe(title, checks, parseQuery(query, request.query))
        sendText(request, reply, status, body)
      },
    },
    {
      ...common,
      id: single,
      url: `${path}/:check`,
      path: `${path}/{check}`,
      problems: ['SIDEKEEP_BAD_REQUEST', 'SIDEKEEP_ROUTE_NOT_FOUND'],
      handle(request: ApiRequest, reply: FastifyReply): void {
        const wanted = request.params.check ?? ''
        const check = checks.find((candidate) => candidate.name === wanted)
        if (check === undefined) throw new CodedError('SIDEKEEP_ROUTE_NOT_FOUND', [`${path}/${wanted}`])
        const { status, body } = answerProbe(
          `${title}/${check.name}`,
          [check],
          parseQuery(query, request.query),
        )
        sendText(request, reply, status, body)
      },
    },
  ]
}
