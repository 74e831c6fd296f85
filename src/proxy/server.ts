import { randomUUID } from 'node:crypto'
import type { IncomingMessage, ServerResponse } from 'node:http'
import type { ServerOptions } from 'node:https'
import { isDeepStrictEqual } from 'node:util'
import type { FastifyInstance } from 'fastify'
import Fastify from 'fastify'
import type { Logger } from 'pino'
import type { ProxyConfig } from '../config/schema.ts'
import type { Clock } from '../secrets/clock.ts'
import type { SecretValues } from '../secrets/values.ts'
import { inadmissible, pathOf } from './admission.ts'
import { addressKey, ClientAddresses } from './client-address.ts'
import { Connections } from './connections.ts'
import { Exchange } from './exchange.ts'
import { FailureReport } from './failure.ts'
import { saneRequestId } from './headers.ts'
import { Limiter } from './limits/limiter.ts'
import { openStore } from './limits/open-store.ts'
import type { LimitStore } from './limits/store.ts'
import { malformed } from './malformed.ts'
import type { ProxyObserver } from './observer.ts'
import { addHandler, idleTimeout, serverOptions } from './server-options.ts'
import type { Upstream } from './upstream.ts'
import { openUpstream } from './upstream.ts'

export interface ProxyDeps {
  readonly config: ProxyConfig
  readonly log: Logger
  readonly clock: Clock
  readonly observer: ProxyObserver
  readonly values: SecretValues
  /** HTTPS with this; undefined: HTTP. */
  readonly tls?: ServerOptions
}

export interface ProxyServer {
  /** Not listening yet: that is for the caller. To be closed by `close` below, not by its own. */
  readonly app: FastifyInstance
  /**
   * Stops accepting, waits until all requests under way are answered, then closes everything. Some answers never end:
   * with `withinMs`, in milliseconds, what is still open after that time is cut.
   */
  close(options?: { withinMs?: number }): Promise<void>
  /**
   * Makes ready to go on with another configuration, whose `listen` is not looked at. Its commit neither waits nor
   * fails, and cuts nothing: requests under way end as they began. What clients owe to a limit whose key, rate and burst
   * stay is kept, the debts of other limits are forgotten.
   */
  prepare(config: ProxyConfig): Promise<{ commit(): void; abandon(): Promise<void> }>
}

/** What a configuration decides of the way of a request. */
interface Way {
  readonly config: ProxyConfig
  readonly upstream: Upstream
  readonly addresses: ClientAddresses
  readonly limiter: Limiter
  readonly store: LimitStore
}

/** RFC 9457 leaves problem types to registries; this one is of the IETF's draft on RateLimit headers. */
const quotaExceeded = 'https://iana.org/assignments/http-problem-types#quota-exceeded'

/** The reverse proxy before the application: who may pass, how often, and the way through. Knows no process. */
export async function createProxy({
  config,
  log,
  clock,
  observer,
  values,
  tls,
}: ProxyDeps): Promise<ProxyServer> {
  const store = await openStore(config, { log, clock, observer, values })
  let way: Way = {
    config,
    upstream: openUpstream(config),
    addresses: new ClientAddresses(config.trustedProxies),
    store,
    limiter: new Limiter({ limits: config.limits, store, headers: config.rateLimitHeaders, observer }),
  }
  /** Connections to where the application was, or by timeouts that were: they end with the requests on them. */
  const former = new Set<Upstream>()
  const options = serverOptions(config.timeouts)
  const app: FastifyInstance = Fastify({
    ...options,
    ...(tls && { https: { ...options.http, ...tls } }),
    clientErrorHandler: (error, socket) => malformed(error, socket, connections.last(socket), observer),
  })
  // By default Node hands on 2,000 headers and drops the rest without a word: a client could push a second Host, or what
  // the load balancer adds, out of sight. How many there are is bounded by the size of them all.
  app.server.maxHeadersCount = 0
  const connections = new Connections(app.server, clock)
  const deps = {
    get upstream() {
      return way.upstream
    },
    clock,
    observer,
    failures: new FailureReport({ log, clock, observer }),
    connections,
  }
  const awaitContinue = new WeakSet<IncomingMessage>()
  const handOver = (request: IncomingMessage, response: ServerResponse): void => {
    app.server.emit('request', request, response)
  }
  // Without this listener Node answers 100 by itself, before any limit is asked.
  app.server.on('checkContinue', (request, response) => {
    awaitContinue.add(request)
    handOver(request, response)
  })
  // Of an expectation that nobody knows nothing is expected (RFC 9110, section 10.1.1).
  app.server.on('checkExpectation', handOver)

  addHandler(app, (request, response, target) => {
    const exchange = new Exchange(request, response, deps, { awaitsContinue: awaitContinue.has(request) })
    const requestId = saneRequestId(request) ?? randomUUID()
    const refusal = inadmissible(request, target)
    if (refusal !== undefined) {
      exchange.addHeaders(['X-Request-Id', requestId])
      exchange.fail(refusal)
      return
    }
    const peer = request.socket.remoteAddress
    const { addresses, limiter } = way
    const client = addresses.find(peer, forwardedFor(request))
    const asked = {
      method: request.method ?? '',
      path: pathOf(target),
      client: addressKey(client.address),
      headers: request.headers,
      rawHeaders: request.rawHeaders,
    }
    const ruling = limiter.rule(asked, clock.now())
    if (ruling instanceof Promise) throw new Error('not yet')
    exchange.addHeaders(ruling.headers)
    if (ruling.refusal !== undefined) {
      exchange.addHeaders(['X-Request-Id', requestId])
      const { error, limits } = ruling.refusal
      exchange.fail(error, { type: quotaExceeded, members: { 'violated-policies': limits } })
      return
    }
    exchange.forward(target, { client, peer, requestId })
  })

  return {
    app,
    async close({ withinMs } = {}) {
      const requests = await connections.drain(withinMs)
      if (requests > 0)
        log.warn({ requests }, 'requests under way to the application were cut at the deadline')
      await app.close()
      await Promise.all([way.upstream, ...former].map(({ pool }) => pool.destroy()))
    },
    async prepare(next) {
      const before = way
      const isSameUpstream =
        next.upstream === before.config.upstream && isDeepStrictEqual(next.timeouts, before.config.timeouts)
      const store = await openStore(next, { log, clock, observer, values }, before.store)
      const after: Way = {
        config: next,
        store,
        upstream: isSameUpstream ? before.upstream : openUpstream(next),
        addresses: new ClientAddresses(next.trustedProxies),
        limiter: new Limiter({ limits: next.limits, store, headers: next.rateLimitHeaders, observer }),
      }
      return {
        commit() {
          way = after
          if (isSameUpstream) return
          app.server.setTimeout(idleTimeout(next.timeouts))
          former.add(before.upstream)
          // Takes no new request and waits for the last of those under way.
          const forget = (): boolean => former.delete(before.upstream)
          before.upstream.pool.close().then(forget, forget)
        },
        async abandon() {
          if (!isSameUpstream) await after.upstream.pool.destroy()
        },
      }
    },
  }
}

function forwardedFor(request: IncomingMessage): string | undefined {
  const value = request.headers['x-forwarded-for']
  return Array.isArray(value) ? value.join(', ') : value
}
