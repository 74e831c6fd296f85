import type { FastifyRequest } from 'fastify'
import type { CodedError } from '../../errors.ts'
import type { Route } from '../routes/route.ts'

/** Why a request is not let in; undefined where nothing speaks against it. */
export type Verdict = CodedError | undefined

/**
 * One check of the door. Cheap: it runs before everything else.
 *
 * @param route where the request goes; undefined where no route takes it
 * @param name the secret that its path names; undefined where it names none
 */
export type Check = (request: FastifyRequest, route: Route | undefined, name: string | undefined) => Verdict

/** A check that may take its time, and so comes last. */
export type LastCheck = (...args: Parameters<Check>) => Verdict | Promise<Verdict>
