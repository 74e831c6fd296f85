import type { Server } from 'node:http'
import type { ServerOptions as TlsOptions } from 'node:https'
import type { Socket } from 'node:net'
import type { Duplex } from 'node:stream'
import type { FastifyInstance } from 'fastify'
import Fastify from 'fastify'
import type { Logger } from 'pino'
import { isEqual } from '../config/equal.ts'
import type { ProxyConfig } from '../config/schema.ts'
import type { CodedError } from '../errors.ts'
import { handleInTurn } from '../pipelines.ts'
import type { Clock } from '../secrets/clock.ts'
import type { SecretValues } from '../secrets/values.ts'
import { AccessLog } from './access-log.ts'
import { ClientAddresses } from './client-address.ts'
import { Concurrency } from './concurrency.ts'
import { type Closing, Connections } from './connections.ts'
import { Exchange } from './exchange.ts'
import { FailureReport } from './failure.ts'
import type { ForwardingDeps } from './forwarding.ts'
import { Limiter } from './limits/limiter.ts'
import { makeStore } from './limits/make-store.ts'
import type { LimitStore } from './limits/store.ts'
import { type Arrival, createListening, idleTimeout } from './listening.ts'
import { malformed, stalled } from './malformed.ts'
import type { ProxyObserver } from './observer.ts'
import { Passage, type Way } from './passage.ts'
import { Tunnel } from './tunnel.ts'
import { openUpstream, type Upstream } from './upstream/upstream.ts'

export interface ProxyDeps {
  readonly config: ProxyConfig
  readonly log: Logger
  readonly clock: Clock
  readonly observer: ProxyObserver
  /** What of the configuration lies in the cache. */
  readonly values: Pick<SecretValues, 'read' | 'watch'>
  /** Undefined: plain HTTP. */
  readonly tls?: TlsOptions | undefined
}

export interface ProxyServer {
  /** Not listening yet: that is for the caller. To be closed by `close` below, not by its own. */
  readonly app: FastifyInstance
  /** Stops accepting, waits until all requests under way are answered, then closes everything. */
  close(closing?: Closing): Promise<void>
  /**
   * Makes ready to go on with another configuration, whose `listen` is not looked at. Its commit neither waits nor
   * fails, and cuts nothing: requests under way end as they began. What clients owe to a limit whose key, rate and burst
   * stay is kept, the debts of other limits are forgotten.
   *
   * @throws SIDEKEEP_CREDENTIAL_UNREADABLE
   */
  prepare(config: ProxyConfig): Promise<{ commit(): void; abandon(): Promise<void> }>
}

/** The way, and what of it is to be closed when another takes its place. */
interface OwnedWay extends Way {
  readonly upstream: Upstream
  readonly store: LimitStore
}

/** What forwarding needs, whatever the configuration is. */
type SharedForwarding = Omit<ForwardingDeps, 'upstream' | 'maxBody'>

/**
 * The reverse proxy before the application: who may pass, how often, and the way through. Knows no process.
 *
 * @throws SIDEKEEP_CREDENTIAL_UNREADABLE
 */
export async function createProxy(proxyDeps: ProxyDeps): Promise<ProxyServer> {
  const { config, log, clock, observer, tls } = proxyDeps
  const failures = new FailureReport({ log, clock, observer })
  const forwarding = { clock, observer, failures, tunnel: openTunnel }
  let way = await openWay(config, proxyDeps, forwarding)
  /** Connections to where the application was, or by timeouts that were: they end with the requests on them. */
  const former = new Set<Upstream>()
  const accessLog = new AccessLog(config.access, log, clock)
  const concurrency = new Concurrency(config.concurrency, clock)

  const server: Server = createListening(tls, handle, (socket) => connections.last(socket)?.isOver === false)
  const connections = new Connections(server, clock)
  const passageDeps = { clock, observer, failures, concurrency, accessLog }
  const exchangeDeps = { clock, observer, connections }
  handleInTurn(server, (socket) => connections.last(socket)?.response)
  server.setTimeout(idleTimeout(config), (socket) => stalled(socket, connections.last(socket), failures))
  const endGauges = observer.gauges(() => ({
    inFlight: connections.inFlight,
    queueDepth: concurrency.queueDepth,
    limitKeys: way.config.limits.map(({ name }, place) => ({ limit: name, keys: way.store.size(place) })),
  }))

  function handle({ request, response, awaitsContinue, early }: Arrival): void {
    const exchange = new Exchange(request, response, exchangeDeps, { awaitsContinue, early })
    new Passage(exchange, way, passageDeps).enter()
  }

  function openTunnel(exchange: Exchange, application: Duplex, head: string): void {
    const client = exchange.handOver(101)
    observer.upgraded()
    client.write(head, 'latin1')
    const options = { idle: way.config.timeouts.upgraded, observer }
    connections.tunnel((closed) => new Tunnel(client, application, options, closed))
  }

  function refused({ status, code }: CodedError, { remoteAddress }: Socket): void {
    observer.answered({ method: '', status, durationMs: 0 })
    accessLog.refused({ status, code, client: way.addresses.find(remoteAddress, undefined).address })
  }

  // Fastify opens and closes it, as the other listeners; requests go past its router.
  const app: FastifyInstance = Fastify({
    logger: false,
    serverFactory: () => server,
    clientErrorHandler(error, socket) {
      if (connections.isOpen(socket)) {
        malformed(error, socket, connections.last(socket), (refusal) => refused(refusal, socket))
      }
      // A handshake of TLS has failed, or takes too long. Node leaves it to us to end the connection, and there is nobody
      // yet who could be answered.
      else socket.destroy()
    },
  })

  // Not before: the API, and what the store's password comes from, do not wait for the store.
  app.addHook('onReady', () => way.store.open())

  return {
    app,
    async close(closing) {
      const requests = await connections.drain(closing)
      if (requests > 0)
        log.warn({ requests }, 'requests under way to the application were cut at the deadline')
      await app.close()
      endGauges()
      await Promise.all([way.upstream, ...former].map((upstream) => upstream.connections.destroy()))
      await way.store.close()
    },
    async prepare(next) {
      const before = way
      const after = await openWay(next, proxyDeps, forwarding, before)
      await after.store.open()
      const isSameUpstream = after.upstream === before.upstream
      return {
        commit() {
          way = after
          concurrency.change(next.concurrency)
          accessLog.change(next.access)
          server.setTimeout(idleTimeout(next))
          void before.store.close()
          if (isSameUpstream) return
          former.add(before.upstream)
          // Takes no new request and waits for the last of those under way.
          const forget = (): boolean => former.delete(before.upstream)
          before.upstream.connections.close().then(forget, forget)
        },
        async abandon() {
          if (!isSameUpstream) await after.upstream.connections.destroy()
          await after.store.close()
        },
      }
    },
  }
}

/** @param before what may be kept of it is */
async function openWay(
  config: ProxyConfig,
  { log, clock, observer, values }: ProxyDeps,
  forwarding: SharedForwarding,
  before?: OwnedWay,
): Promise<OwnedWay> {
  const keepsUpstream =
    before !== undefined &&
    config.upstream === before.config.upstream &&
    isEqual(config.upstreamTls, before.config.upstreamTls) &&
    isEqual(config.timeouts, before.config.timeouts)
  const upstream = keepsUpstream ? before.upstream : await openUpstream(config, clock)
  const store = makeStore(config, { log, clock, observer, values }, before?.store)
  return {
    config,
    upstream,
    store,
    addresses: new ClientAddresses(config.trustedProxies),
    limiter: new Limiter({ limits: config.limits, store, headers: config.rateLimitHeaders, observer }),
    isExempt: exactly(config.exempt),
    forwarding: { ...forwarding, upstream, maxBody: config.maxBody },
  }
}

/** Compared as they were sent: what another spelling gets past a limit would be a way around it. */
function exactly(patterns: readonly string[]): (path: string) => boolean {
  const paths = new Set(patterns.filter((pattern) => !pattern.endsWith('*')))
  const beginnings = patterns
    .filter((pattern) => pattern.endsWith('*'))
    .map((pattern) => pattern.slice(0, -1))
  return (path) => paths.has(path) || beginnings.some((beginning) => path.startsWith(beginning))
}
