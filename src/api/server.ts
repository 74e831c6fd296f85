import type { Server } from 'node:http'
import type { ServerOptions } from 'node:https'
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import Fastify from 'fastify'
import type { Caller } from '../access/caller.ts'
import { handleInTurn } from '../pipelines.ts'
import { Connections } from './connections.ts'
import { Attempts } from './door/attempts.ts'
import type { LastCheck } from './door/check.ts'
import { createDoor, createOpsDoor } from './door/door.ts'
import { Entrance } from './door/entrance.ts'
import { Slowing } from './door/slowing.ts'
import { EventStreams } from './event-streams.ts'
import { Failures } from './failures.ts'
import { readFaithfully } from './framing.ts'
import { KeptConnections } from './kept-connections.ts'
import type { ApiDeps, OpsDeps } from './ports.ts'
import { limitRates } from './rate-limits.ts'
import { readBodies } from './read-bodies.ts'
import { Recorder } from './recording.ts'
import { notJson } from './rejection.ts'
import type { ApiRequest } from './respond.ts'
import { sendProblem } from './respond.ts'
import { eventsRoute } from './routes/events.ts'
import { explainSecretRoute } from './routes/explain.ts'
import { healthRoutes } from './routes/health.ts'
import { callersMetricsRoute, metricsRoute } from './routes/metrics.ts'
import { openApiRoute } from './routes/openapi.ts'
import { quitRoute } from './routes/quit.ts'
import { refreshAllRoute, refreshSecretRoute } from './routes/refresh.ts'
import { rejectSecretRoute } from './routes/rejected.ts'
import type { Route } from './routes/route.ts'
import { secretRoute } from './routes/secret.ts'
import { secretsRoute } from './routes/secrets.ts'
import { idleMargin, serverOptions } from './server-options.ts'
import { Waiters } from './waiters.ts'

/** The listener for the applications of this pod: secrets, and all of ops. Knows no process; the caller lets it listen. */
export function createApi(deps: ApiDeps): FastifyInstance {
  const app = createListener(deps, {
    routes: apiRoutes(deps),
    label: () => deps.access.anyone.listener,
    recorder: deps.audit && new Recorder(deps.audit, deps.access.anyone.listener, deps.clock),
    makeDoor: (connections, slowing) => createDoor({ ...deps, connections, slowing }),
    tls: deps.tls,
    longestWait: () => Math.max(deps.config.demandTimeout, deps.config.refreshTimeout),
  })
  limitRates(app, deps.clock)
  return app
}

/** The listener for the kubelet and Prometheus: probes and metrics, no secret and no secret's name in a probe. */
export function createOps(deps: OpsDeps): FastifyInstance {
  return createListener(deps, {
    routes: opsRoutes(deps),
    label: () => 'ops',
    makeDoor: createOpsDoor,
    longestWait: () => 0,
  })
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
    quitRoute(deps),
    eventsRoute(new EventStreams({ ...deps, kept })),
    ...healthRoutes(deps.health),
    callersMetricsRoute(deps.metrics),
  ]
  const { version, access } = deps
  routes.push(openApiRoute(routes, () => ({ version, wants: access.wants })))
  return routes
}

function opsRoutes(deps: OpsDeps): Route[] {
  return [...healthRoutes(deps.health), metricsRoute(deps.metrics)]
}

interface Listener {
  readonly routes: readonly Route[]
  /** What the log calls it. */
  readonly label: () => string
  /** Records accesses; undefined on a listener that serves no secrets. */
  readonly recorder?: Recorder | undefined
  readonly makeDoor: (connections: Connections, slowing: Slowing) => LastCheck
  /** How long a caller may have to wait for an answer, in milliseconds. */
  readonly longestWait: () => number
  /** What HTTPS is served with; undefined: plain HTTP. */
  readonly tls?: ServerOptions | undefined
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

function createListener(
  deps: OpsDeps,
  { routes, label, recorder, makeDoor, longestWait, tls }: Listener,
): FastifyInstance {
  const failures = new Failures(deps.log)
  const unmatched = deps.metrics.route('unmatched')
  const options = serverOptions(longestWait())
  const app = Fastify<Server>({
    ...options,
    // Of a server of HTTPS Fastify takes these from there.
    ...(tls && { https: { ...options.http, ...tls } }),
    frameworkErrors: failures.unreadable,
    clientErrorHandler: (error, socket) => failures.malformed(error, socket, unmatched),
  })
  const connections = new Connections(app.server, deps.config.maxConnections, {
    clock: deps.clock,
    wasCut: (reason) => deps.metrics.connectionCut(reason),
  })
  const slowing = new Slowing({ clock: deps.clock, connections: () => deps.config.maxConnections })
  const attempts = new Attempts({ ...deps, listener: label })
  const entrance = new Entrance({
    door: makeDoor(connections, slowing),
    attempts,
    slowing,
    clock: deps.clock,
    failed: failures.failed,
  })
  failures.guardWith(entrance)
  app.server.on('connect', (_request, socket) => failures.tunnel(socket, unmatched))
  // `Expect: 100-continue` is Node's; of anything else nothing is expected (RFC 9110, section 10.1.1).
  app.server.on('checkExpectation', (request, response) => app.server.emit('request', request, response))
  readFaithfully(app.server)
  handleInTurn(app.server, (socket) => connections.lastOn(socket))
  app.decorate('exchange', { clock: deps.clock, connections, unmatched, recorder })
  app.decorate('reconfigured', () => {
    connections.limit(deps.config.maxConnections)
    app.server.setTimeout(longestWait() + idleMargin)
  })
  app.decorateRequest('meter')
  app.decorateRequest('caller')
  app.decorateRequest('action')
  app.decorateRequest('told')
  app.decorateRequest('startedAt', 0)
  readBodies(app, connections)
  app.setErrorHandler(failures.failed)
  app.setNotFoundHandler(failures.unrouted)
  app.addHook('preClose', () => connections.close())
  app.addHook('onClose', async () => attempts.close())
  connections.onClosing(() => {
    slowing.close()
    for (const route of routes) route.closing?.()
  })
  for (const route of routes) addRoute(app, route, entrance, deps)
  return app
}

function addRoute(app: FastifyInstance, route: Route, entrance: Entrance, { metrics, clock }: OpsDeps): void {
  const meter = metrics.route(route.path)
  meter.expect(route.method, route.status ?? 200)
  const letIn = (request: FastifyRequest, reply: FastifyReply, done: () => void): void => {
    const unfit = route.takesJson ? notJson(request.headers['content-type']) : undefined
    if (unfit !== undefined) {
      sendProblem(request, reply, unfit)
      return
    }
    // Elsewhere a body means nothing, so its type cannot be wrong; Fastify would answer 415 to one that is malformed.
    if (route.method === 'POST') delete request.raw.headers['content-type']
    done()
  }
  app.route<{ Params: ApiRequest['params']; Querystring: ApiRequest['query'] }>({
    method: route.method === 'GET' ? ['GET', 'HEAD'] : route.method,
    url: route.url,
    config: { takesJson: route.takesJson === true },
    // In one piece: everything that can keep a request out is decided before anything else is done.
    onRequest(request, reply, done) {
      request.meter = meter
      request.startedAt = clock.now()
      request.action = route.action
      const name = route.namesSecret ? (request.params['*'] ?? '') : undefined
      const verdict = route.skipsDoor ? undefined : entrance.check(request, route, name)
      if (verdict === undefined) letIn(request, reply, done)
      else entrance.settle(verdict, request, reply, () => letIn(request, reply, done))
    },
    handler: (request, reply) => {
      const waiting = route.handle(request, reply)
      // To a promise Fastify answers with what it brings; the reply itself means that it is answered.
      return waiting === undefined ? undefined : waiting.then(() => reply)
    },
  })
}
