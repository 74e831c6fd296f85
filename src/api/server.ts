import type { FastifyInstance } from 'fastify'
import Fastify from 'fastify'
import { Connections } from './connections.ts'
import { Failures } from './failures.ts'
import type { Check } from './guard.ts'
import { createDoor, createOpsDoor } from './guard.ts'
import type { ApiDeps, OpsDeps } from './ports.ts'
import { limitRefreshes } from './refresh-limit.ts'
import type { ApiRequest } from './respond.ts'
import { sendProblem } from './respond.ts'
import { healthRoutes } from './routes/health.ts'
import { metricsRoute } from './routes/metrics.ts'
import { openApiRoute } from './routes/openapi.ts'
import { refreshAllRoute, refreshSecretRoute } from './routes/refresh.ts'
import type { Route } from './routes/route.ts'
import { secretRoute } from './routes/secret.ts'
import { secretsRoute } from './routes/secrets.ts'
import { bodyLimit, serverOptions } from './server-options.ts'

/** The listener for the applications of this pod: secrets, and all of ops. Knows no process; the caller lets it listen. */
export function createApi(deps: ApiDeps): FastifyInstance {
  const { demandTimeout, refreshTimeout } = deps.config
  const app = createListener(deps, {
    routes: apiRoutes(deps),
    makeDoor: (connections) => createDoor(deps.config, connections),
    longestWait: Math.max(demandTimeout, refreshTimeout),
  })
  limitRefreshes(app)
  return app
}

/** The listener for the kubelet and Prometheus: probes and metrics, no secret and no secret's name in a probe. */
export function createOps(deps: OpsDeps): FastifyInstance {
  return createListener(deps, { routes: opsRoutes(deps), makeDoor: createOpsDoor, longestWait: 0 })
}

/** All routes of the api listener. */
export function apiRoutes(deps: ApiDeps): Route[] {
  const routes = [
    secretsRoute(deps.cache),
    secretRoute(deps),
    refreshAllRoute(deps),
    refreshSecretRoute(deps),
    ...opsRoutes(deps),
  ]
  routes.push(openApiRoute(routes, { version: deps.version, needsHeader: deps.config.access === 'header' }))
  return routes
}

function opsRoutes(deps: OpsDeps): Route[] {
  return [...healthRoutes(deps.health), metricsRoute(deps.metrics)]
}

interface Listener {
  readonly routes: readonly Route[]
  readonly makeDoor: (connections: Connections) => Check
  /** How long a caller may have to wait for an answer, in milliseconds. */
  readonly longestWait: number
}

function createListener(deps: OpsDeps, { routes, makeDoor, longestWait }: Listener): FastifyInstance {
  const failures = new Failures(deps.log)
  const unmatched = deps.metrics.route('unmatched')
  const app = Fastify({
    ...serverOptions(longestWait),
    frameworkErrors: failures.unreadable,
    clientErrorHandler: (error, socket) => failures.malformed(error, socket, unmatched),
  })
  const connections = new Connections(app.server, deps.config.maxConnections)
  const door = makeDoor(connections)
  failures.guardWith(door)
  // `Expect: 100-continue` is Node's; of anything else nothing is expected (RFC 9110, section 10.1.1).
  app.server.on('checkExpectation', (request, response) => app.server.emit('request', request, response))
  app.decorate('exchange', { clock: deps.clock, connections, unmatched })
  app.decorateRequest('meter')
  app.decorateRequest('startedAt', 0)
  ignoreBodies(app)
  app.setErrorHandler(failures.failed)
  app.setNotFoundHandler(failures.unrouted)
  app.addHook('preClose', () => connections.close())
  for (const route of routes) addRoute(app, route, route.skipsDoor ? undefined : door, deps)
  return app
}

function addRoute(
  app: FastifyInstance,
  route: Route,
  door: Check | undefined,
  { metrics, clock }: OpsDeps,
): void {
  const meter = metrics.route(route.path)
  meter.expect(route.method, 200)
  app.route<{ Params: ApiRequest['params']; Querystring: ApiRequest['query'] }>({
    method: route.method === 'GET' ? ['GET', 'HEAD'] : route.method,
    url: route.url,
    // Synchronous and in one piece: everything that can keep a request out is decided before anything else is done.
    onRequest(request, reply, done) {
      request.meter = meter
      request.startedAt = clock.now()
      const refusal = door?.(request.raw)
      if (refusal !== undefined) {
        sendProblem(request, reply, refusal)
        return
      }
      // A body means nothing here, so its type cannot be wrong; Fastify would answer 415 to one that is malformed.
      if (route.method === 'POST') delete request.raw.headers['content-type']
      done()
    },
    handler: (request, reply) => {
      const waiting = route.handle(request, reply)
      // To a promise Fastify answers with what it brings; the reply itself means that it is answered.
      return waiting === undefined ? undefined : waiting.then(() => reply)
    },
  })
}

/** Reads what is sent as a body, up to the limit, and forgets it. */
function ignoreBodies(app: FastifyInstance): void {
  app.removeAllContentTypeParsers()
  app.addContentTypeParser('*', { parseAs: 'buffer', bodyLimit }, (_request, _body, done) => done(null))
}
