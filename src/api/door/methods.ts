import type { FastifyRequest } from 'fastify'
import { CodedError } from '../../errors.ts'
import type { Check } from './check.ts'

/** All that any route takes. */
const methods = ['GET', 'HEAD', 'POST'] as const

/** What else there is (TRACE, PUT, the OPTIONS of a preflight) nobody here needs. CONNECT never becomes a request. */
export const knownMethod: Check = ({ raw: { method } }) =>
  method === 'GET' || method === 'POST' || method === 'HEAD'
    ? undefined
    : new CodedError('SIDEKEEP_METHOD_NOT_ALLOWED', [method ?? ''])

/** The methods at a request's path, as they stand in Allow. Only for what is refused, so it may take its time. */
export function methodsAt(request: FastifyRequest): string[] {
  const url = request.raw.url ?? '/'
  return methods.filter((method) => request.server.findRoute({ method, url }) !== null)
}

/** Allow for a path that is none: what there is elsewhere. */
export const allMethods = methods.join(', ')
