import type { FastifyReply, FastifyRequest } from 'fastify'
import { CodedError } from '../../errors.ts'
import type { Clock } from '../../secrets/clock.ts'
import { sendProblem } from '../respond.ts'
import type { Attempts } from './attempts.ts'
import type { LastCheck, Verdict } from './check.ts'
import { allMethods, methodsAt } from './methods.ts'
import type { Slowing } from './slowing.ts'

export interface EntranceDeps {
  readonly door: LastCheck
  readonly attempts: Attempts
  readonly slowing: Slowing
  readonly clock: Clock
  /** For what goes wrong in the door itself. */
  readonly failed: (error: unknown, request: FastifyRequest, reply: FastifyReply) => void
}

/** Asks the door, and answers those whom it does not let in. */
export class Entrance {
  readonly check: LastCheck
  readonly #deps: EntranceDeps

  constructor(deps: EntranceDeps) {
    this.#deps = deps
    this.check = deps.door
  }

  /** Goes on with `letIn` where the door lets the request in, now or later; else answers it. */
  settle(
    verdict: ReturnType<LastCheck>,
    request: FastifyRequest,
    reply: FastifyReply,
    letIn: () => void,
  ): void {
    const settled = (refusal: Verdict): void => {
      if (refusal === undefined) letIn()
      else this.#refuse(refusal, request, reply)
    }
    if (verdict === undefined || verdict instanceof CodedError) settled(verdict)
    else verdict.then(settled).catch((error: unknown) => this.#deps.failed(error, request, reply))
  }

  /** Somebody who was let in asked for something that is not for them. */
  refusedLater(error: CodedError, { caller }: FastifyRequest): void {
    if (error.code === 'SIDEKEEP_NOT_ALLOWED') this.#deps.attempts.refused(error.code, caller?.name)
  }

  #refuse(error: CodedError, request: FastifyRequest, reply: FastifyReply): void {
    const { attempts, slowing, clock } = this.#deps
    attempts.refused(error.code, request.caller?.name)
    if (!isFailedToken(error)) {
      sendProblem(request, reply, error, headersOf(error, request))
      return
    }
    const began = clock.now()
    slowing.failed(request.raw.socket, (isLast) => {
      // The time that it was held back is not the time that the answer took.
      request.startedAt += clock.now() - began
      sendProblem(request, reply, error, isLast ? ['Connection', 'close'] : [])
    })
  }
}

/** That there is none takes as long as that it is a wrong one. */
function isFailedToken({ code }: CodedError): boolean {
  return code === 'SIDEKEEP_TOKEN_REQUIRED' || code === 'SIDEKEEP_TOKEN_INVALID'
}

/** RFC 9110, section 15.5.6: a 405 names the methods that there are. */
function headersOf({ code }: CodedError, request: FastifyRequest): string[] {
  return code === 'SIDEKEEP_METHOD_NOT_ALLOWED' ? ['Allow', methodsAt(request).join(', ') || allMethods] : []
}
