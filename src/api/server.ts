import type { FastifyInstance } from 'fastify'
import Fastify from 'fastify'
import type { Caller } from '../access/caller.ts'
import { Connections } from './connections.ts'
import { EventStreams } from './event-streams.ts'
import { Failures } from './failures.ts'
import type { Check } from './guard.ts'
import { createDoor, createOpsDoor } from './guard.ts'
import { KeptConnections } from './kept-connections.ts'
import { handleInTurn } from './pipelines.ts'
import type { ApiDeps, OpsDeps } from './ports.ts'
import { limitRefreshes } from './refresh-limit.ts'
import { notJson } from './rejection.ts'
import type { ApiRequest } from './respond.ts'
import { sendProblem } from './respond.ts'
import { eventsRoute } from './routes/events.ts'
import { explainSecretRoute } from './routes/explain.ts'
import { healthRoutes } from './routes/health.ts'
import { metricsRoute } from './routes/metrics.ts'
import { openApiRoute } from './routes/openapi.ts'
import { refreshAllRoute, refreshSecretRoute } from './routes/refresh.ts'
import { rejectSecretRoute } from './routes/rejected.ts'
import type { Route } from './routes/route.ts'
import { secretRoute } from './routes/secret.ts'
import { secretsRoute } from './routes/secrets.ts'
import { bodyLimit, idleMargin, serverOptions } from './server-options.ts'
import { Waiters } from './waiters.ts'

/** The listener for the applications of this pod: secrets, and all of ops. Knows no process; the caller lets it listen. */
export function createApi(deps: ApiDeps): FastifyInstance {
  const app = createListener(deps, {
    routes: apiRoutes(deps),
    anyone: () => deps.access.anyone,
    makeDoor: (connections) => createDoor(deps.config, deps.access, connections),
    longestWait: () => Math.max(deps.config.demandTimeout, deps.config.refreshTimeout),
  })
  limitRefreshes(app)
  return app
}

/** The listener for the kubelet and Prometheus: probes and metrics, no secret and no secret's name in a probe. */
export function createOps(deps: OpsDeps): FastifyInstance {
  return createListener(deps, { routes: opsRoutes(deps), makeDoor: createOpsDoor, longestWait: () => 0 })
}

/** All routes of the api listener. */
export function apiRoutes(deps: ApiDeps): Route[] {
  const kept = new KeptConnections(deps.config)
  const waiters = new Waiters({ ...deps, kept })
  const routes = [
    secretsRoute(deps.cache),
    secretRoute(deps, waiters),
    refreshAllRoute(deps),
    refreshSecretRoute(deps),
    rejectSecretRoute(deps),
    explainSecretRoute(deps.refresher, waiters),
    eventsRoute(new EventStreams({ ...deps, kept })),
    ...opsRoutes(deps),
  ]
  const { version, access } = deps
  routes.push(openApiRoute(routes, () => ({ version, needsHeader: access.wants === 'header' })))
  return routes
}

function opsRoutes(deps: OpsDeps): Route[] {
  return [...healthRoutes(deps.health), metricsRoute(deps.metrics)]
}

interface Listener {
  readonly routes: readonly Route[]
  /** Whom requests come from that no token names; undefined on a listener that serves no secrets. */
  readonly anyone?: () => Caller
  readonly makeDoor: (connections: Connections) => Check
  /** How long a caller may have to wait for an answer, in milliseconds. */
  readonly longestWait: () => number
}

declare module 'fastify' {
  interface FastifyRequest {
    /** Who asks; undefined before the door, and on a listener that serves no secrets. */
    caller: Caller | undefined
  }
  interface FastifyInstance {
    /** Takes over what of a changed configuration the server itself goes by; routes and door read theirs each time. */
    reconfigured(): void
  }
}

function createListener(deps: OpsDeps, { routes, anyone, makeDoor, longestWait }: Listener): FastifyInstance {
  const failures = new Failures(deps.log)
  const unmatched = deps.metrics.route('unmatched')
  const app = Fastify({
    ...serverOptions(longestWait()),
    frameworkErrors: failures.unreadable,
    clientErrorHandler: (error, socket) => failures.malformed(error, socket, unmatched),
  })
  const connections = new Connections(app.server, deps.config.maxConnections)
  const door = makeDoor(connections)
  failures.guardWith(door)
  // `Expect: 100-continue` is Node's; of anything else nothing is expected (RFC 9110, section 10.1.1).
  app.server.on('checkExpectation', (request, response) => app.server.emit('request', request, response))
  handleInTurn(app.server, (socket) => connections.lastOn(socket))
  app.decorate('exchange', { clock: deps.clock, connections, unmatched })
  app.decorate('reconfigured', () => {
    connections.limit(deps.config.maxConnections)
    app.server.setTimeout(longestWait() + idleMargin)
  })
  app.decorateRequest('meter')
  app.decorateRequest('caller')
  app.decorateRequest('startedAt', 0)
  readBodies(app)
  app.setErrorHandler(failures.failed)
  app.setNotFoundHandler(failures.unrouted)
  app.addHook('preClose', () => connections.close())
  connections.onClosing(() => {
    for (const route of routes) route.closing?.()
  })
  for (const route of routes) addRoute(app, route, { door: route.skipsDoor ? undefined : door, anyone }, deps)
  return app
}

function addRoute(
  app: FastifyInstance,
  route: Route,
  { door, anyone }: { readonly door: Check | undefined; readonly anyone: (() => Caller) | undefined },
  { metrics, clock }: OpsDeps,
): void {
  const meter = metrics.route(route.path)
  meter.expect(route.method, 200)
  app.route<{ Params: ApiRequest['params']; Querystring: ApiRequest['query'] }>({
    method: route.method === 'GET' ? ['GET', 'HEAD'] : route.method,
    url: route.url,
    config: { takesJson: route.takesJson === true },
    // Synchronous and in one piece: everything that can keep a request out is decided before anything else is done.
    onRequest(request, reply, done) {
      request.meter = meter
      request.startedAt = clock.now()
      const refusal = door?.(request.raw)
      const unfit = refusal ?? (route.takesJson ? notJson(request.headers['content-type']) : undefined)
      if (unfit !== undefined) {
        sendProblem(request, reply, unfit)
        return
      }
      request.caller = anyone?.()
      // Elsewhere a body means nothing, so its type cannot be wrong; Fastify would answer 415 to one that is malformed.
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

declare module 'fastify' {
  interface FastifyContextConfig {
    takesJson?: boolean
  }
}

/** Reads what is sent as a body, up to the limit, and forgets it where the route has no use for it. */
function readBodies(app: FastifyInstance): void {
  app.removeAllContentTypeParsers()
  app.addContentTypeParser('*', { parseAs: 'buffer', bodyLimit }, (request, body, done) =>
    done(null, request.routeOptions.config.takesJson === true ? body : undefined),
  )
}
