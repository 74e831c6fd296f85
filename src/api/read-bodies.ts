import type { FastifyInstance } from 'fastify'
import type { Connections } from './connections.ts'
import { tooManyConnections } from './refusals.ts'
import { bodyLimit } from './server-options.ts'

declare module 'fastify' {
  interface FastifyContextConfig {
    takesJson?: boolean
  }
}

/**
 * Reads what is sent as a body, up to the limit, and forgets it where the route has no use for it. When it has arrived,
 * the bound on connections is looked at once more: until then this one was not worked for, and kept nobody out.
 */
export function readBodies(app: FastifyInstance, connections: Connections): void {
  app.removeAllContentTypeParsers()
  app.addContentTypeParser('*', { parseAs: 'buffer', bodyLimit }, (request, body, done) => {
    if (connections.isBeyond(request.raw.socket)) done(tooManyConnections(connections))
    else done(null, request.routeOptions.config.takesJson === true ? body : undefined)
  })
}
