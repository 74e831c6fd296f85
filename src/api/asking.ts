import type { FastifyRequest } from 'fastify'
import type { Caller, Right } from '../access/caller.ts'
import { lacksRight, letInNoLonger } from './refusals.ts'

/**
 * Who asks, on a route behind the door. To be asked again after each wait: what is sent then, a refusal too, is for
 * somebody who is let in still.
 *
 * @throws the error to answer where the caller was let in, and is no more
 */
export function callerOf({ caller }: FastifyRequest): Caller {
  if (caller === undefined) throw new Error('a request came to its route without passing the door')
  if (caller.isOver) throw letInNoLonger(caller)
  return caller
}

/**
 * For what a request asks for beside its route's own right.
 *
 * @throws SIDEKEEP_NOT_ALLOWED
 */
export function demandRight(request: FastifyRequest, right: Right): void {
  const caller = callerOf(request)
  if (!caller.has(right)) throw lacksRight(caller, right)
}
