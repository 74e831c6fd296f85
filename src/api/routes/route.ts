import type { FastifyReply } from 'fastify'
import type { Right } from '../../access/caller.ts'
import type { ErrorCode } from '../../errors.ts'
import type { AuditedAction } from '../ports.ts'
import type { QueryParameters } from '../query.ts'
import type { ApiRequest } from '../respond.ts'

/** The names by which the OpenAPI document knows the routes. */
export type OperationId =
  | 'listSecrets'
  | 'getSecret'
  | 'refreshSecret'
  | 'refreshSecrets'
  | 'rejectSecret'
  | 'explainSecret'
  | 'watchEvents'
  | 'quit'
  | 'getMetrics'
  | 'getOpenApi'
  | ProbeOperationId

export type ProbeOperationId =
  | 'live'
  | 'liveCheck'
  | 'healthy'
  | 'healthyCheck'
  | 'started'
  | 'startedCheck'
  | 'ready'
  | 'readyCheck'

/** One route: what the router, the metrics and the OpenAPI document know of it. */
export interface Route {
  readonly id: OperationId
  /** A GET route answers HEAD too. */
  readonly method: 'GET' | 'POST'
  /** As the router writes it. */
  readonly url: string
  /** As OpenAPI writes it; also the label `route` of the metrics. */
  readonly path: string
  /** Probes come without headers, to whatever address: they alone skip the door. */
  readonly skipsDoor: boolean
  /** What the caller must be allowed to do; undefined: being let in is enough. */
  readonly right?: Right
  /** What stands for `*` in its path is the name of a secret, which the caller must be allowed to know of. */
  readonly namesSecret?: true
  /** How the audit calls what is done here; undefined: it is no access to a secret. */
  readonly action?: AuditedAction
  readonly query: QueryParameters
  /** Of the answer where all went well; 200 unless told else. */
  readonly status?: number
  /** The errors that are this route's own, beside those of the door. */
  readonly problems: readonly ErrorCode[]
  /** Whether it reads a JSON body, which is then `request.body` as it was sent; else a body means nothing. */
  readonly takesJson?: true
  /** Called once, when the listener begins to close: lets go whoever is kept waiting. */
  closing?(): void
  /** Answers, now or later. What it throws is answered as an error; what it rejects with too. */
  handle(request: ApiRequest, reply: FastifyReply): void | Promise<void>
}
