/** The composition root: a configuration in, running parts out. The one place that knows all parts. */
import type { FastifyInstance } from 'fastify'
import type { Health } from './api/health.ts'
import { createHealth } from './api/health.ts'
import { createApi, createOps } from './api/server.ts'
import type { Listen } from './config/listen.ts'
import type { Config } from './config/schema.ts'
import { describeListen, openListener } from './listener.ts'
import type { Logger } from './observability/log.ts'
import type { Metrics } from './observability/metrics.ts'
import { createMetrics } from './observability/metrics.ts'
import { ProxyCells } from './observability/proxy-cells.ts'
import { createReporter } from './observability/reporter.ts'
import { createProvider } from './providers/registry.ts'
import type { ProxyServer } from './proxy/server.ts'
import { SecretCache } from './secrets/cache.ts'
import type { Clock, Random } from './secrets/clock.ts'
import { systemClock } from './secrets/clock.ts'
import { Refresher } from './secrets/refresher.ts'
import { Rules } from './secrets/rules.ts'
import { Source } from './secrets/source.ts'

export interface SidecarOptions {
  readonly config: Config
  readonly log: Logger
  readonly version: string
  readonly clock?: Clock
  readonly random?: Random
}

/** Where the listeners are bound, once they are. */
export interface Addresses {
  readonly api: string
  readonly ops?: string
  readonly proxy?: string
}

/** How much of the time for stopping requests under way to the application may take; the rest is for what comes after. */
const proxyShare = 0.8

/** How long after ready the metrics library is loaded, in milliseconds: it takes some tens of them. */
const metricsLoadDelay = 1_000

export class Sidecar {
  readonly #config: Config
  readonly #log: Logger
  readonly #clock: Clock
  readonly #cache: SecretCache
  readonly #refresher: Refresher
  readonly #metrics: Metrics
  readonly #sources: ReadonlyMap<string, Source>
  readonly #api: FastifyInstance
  readonly #ops: FastifyInstance | undefined
  readonly #ready = Promise.withResolvers<Addresses>()
  readonly #proxy: ProxyServer | undefined
  readonly #bound: { api?: Listen; ops?: Listen; proxy?: Listen } = {}
  #isReady = false
  #stopping = false
  /** What the stop is waiting for; told when it takes too long. */
  stage = 'running'

  /** Builds all parts and opens nothing. */
  static async create(options: SidecarOptions): Promise<Sidecar> {
    const { config, log, clock = systemClock } = options
    const sources = new Map<string, Source>()
    await Promise.all(
      Object.entries(config.providers).map(async ([name, provider]) => {
        const warn = (message: string): void => log.warn({ provider: name }, message)
        sources.set(name, new Source(name, await createProvider(provider, { name, clock, warn }), clock))
      }),
    )
    return new Sidecar(options, sources, await createFrontDoor(config, log, clock))
  }

  private constructor(
    options: SidecarOptions,
    sources: ReadonlyMap<string, Source>,
    frontDoor: FrontDoor | undefined,
  ) {
    const { config, log, version, clock = systemClock, random = Math.random } = options
    this.#proxy = frontDoor?.proxy
    this.#config = config
    this.#log = log
    this.#clock = clock
    this.#sources = sources
    this.#metrics = createMetrics({
      version,
      providers: Object.keys(config.providers),
      cache: { statuses: () => this.#cache.statuses(), stats: () => this.#cache.stats() },
      proxy: frontDoor?.cells,
    })
    const metrics = this.#metrics
    const reporter = createReporter(log, metrics)
    const observer = {
      ...reporter,
      called: (event: Parameters<typeof reporter.called>[0]): void => {
        reporter.called(event)
        this.#checkReady()
      },
    }
    const rules = rulesOf(config)
    this.#cache = new SecretCache({
      rules,
      clock,
      observer,
      maxEntries: config.cache.maxEntries,
      maxBytes: config.cache.maxBytes,
      missingTtlMs: config.cache.missingTtl,
      onEvicted: (match) => this.#refresher.forget(match),
    })
    this.#refresher = new Refresher({ rules, cache: this.#cache, sources, clock, random, observer })
    const health = this.#health()
    const { access, hosts, maxConnections, demandTimeout, refreshTimeout } = config.api
    this.#api = createApi({
      cache: this.#cache,
      refresher: this.#refresher,
      health,
      metrics,
      log,
      clock,
      version,
      config: { access, hosts, maxConnections, demandTimeout, refreshTimeout },
    })
    if (config.ops !== undefined)
      this.#ops = createOps({ health, metrics, log, clock, config: { maxConnections } })
  }

  #health(): Health {
    return createHealth({
      required: () => this.#cache.required,
      listenersUp: () =>
        this.#bound.api !== undefined &&
        (this.#ops === undefined || this.#bound.ops !== undefined) &&
        (this.#proxy === undefined || this.#bound.proxy !== undefined),
      shuttingDown: () => this.#stopping,
    })
  }

  /**
   * Resolves when all required secrets are held for the first time and all listeners are open. Rejects with
   * SIDEKEEP_LISTEN_FAILED where the proxy's listener, which opens last, cannot be opened.
   */
  get ready(): Promise<Addresses> {
    return this.#ready.promise
  }

  /**
   * Opens the listeners, then begins to fetch. Resolves when callers are answered, ready or not.
   *
   * @throws SIDEKEEP_LISTEN_FAILED; whatever was opened before is closed again
   */
  async start(): Promise<Addresses> {
    const { api, ops } = this.#config
    try {
      this.#bound.api = await openListener(this.#api, {
        name: 'api',
        listen: api.listen,
        socketMode: api.socketMode,
      })
      if (ops !== undefined && this.#ops !== undefined) {
        this.#bound.ops = await openListener(this.#ops, { name: 'ops', listen: ops.listen })
      }
    } catch (error) {
      this.#stopping = true
      await this.#proxy?.close()
      await this.#closeAll()
      throw error
    }
    this.#refresher.start()
    this.#checkReady()
    return this.#addresses(this.#bound.api)
  }

  #addresses(api: Listen): Addresses {
    const { ops, proxy } = this.#bound
    return {
      api: describeListen(api),
      ...(ops === undefined ? {} : { ops: describeListen(ops) }),
      ...(proxy === undefined ? {} : { proxy: describeListen(proxy) }),
    }
  }

  /** Fetches everything once, without opening a listener, and tells how that went for each secret. */
  fetchOnce(): ReturnType<Refresher['refreshAll']> {
    return this.#refresher.refreshAll()
  }

  /**
   * Not ready, then the listeners in the order in which they are needed least, then the providers, then the values.
   * Resolves when all is closed; may hang where a part hangs, so whoever calls it keeps a deadline.
   */
  async stop(): Promise<void> {
    this.#stopping = true
    const { linger, timeout } = this.#config.shutdown
    this.stage = 'draining the proxy'
    await this.#proxy?.close({ withinMs: Math.max(0, timeout - linger) * proxyShare })
    if (linger > 0 && this.#bound.api !== undefined) {
      this.stage = 'linger'
      await this.#wait(linger)
    }
    await this.#closeAll()
  }

  async #closeAll(): Promise<void> {
    this.stage = 'closing the api listener'
    // Whoever keeps a connection is given a moment to leave: the callers of both listeners at the same time.
    const opsClosed = this.#ops?.close()
    await this.#api.close()
    this.stage = 'closing the providers'
    this.#refresher.stop()
    await Promise.all([...this.#sources.values()].map((source) => this.#close(source)))
    this.stage = 'closing the ops listener'
    await opsClosed
    this.#cache.close()
    this.stage = 'stopped'
  }

  async #close(source: Source): Promise<void> {
    try {
      await source.close()
    } catch (err) {
      this.#log.warn({ provider: source.name, err }, 'provider did not close in order')
    }
  }

  #wait(ms: number): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>()
    this.#clock.setTimer(resolve, ms)
    return promise
  }

  #checkReady(): void {
    const { api } = this.#bound
    if (this.#isReady || this.#stopping || api === undefined) return
    if (!this.#cache.loadedRequired || !this.#cache.required.held) return
    this.#isReady = true
    // Whoever runs the sidecar waits for this; where nobody does, a failure is no unhandled one.
    this.#ready.promise.catch(() => {})
    this.#openProxy().then(
      () => this.#ready.resolve(this.#addresses(api)),
      (error) => this.#ready.reject(error),
    )
    // Ahead of the first scrape, but not while whoever waited for the start has the first questions.
    this.#clock.setTimer(() => void this.#metrics.load(), metricsLoadDelay)
  }

  /** The application may need its secrets to answer: nobody is let through to it before they are held. */
  async #openProxy(): Promise<void> {
    const { proxy } = this.#config
    if (proxy === undefined || this.#proxy === undefined) return
    this.#bound.proxy = await openListener(this.#proxy.app, { name: 'proxy', listen: proxy.listen })
  }
}

interface FrontDoor {
  readonly proxy: ProxyServer
  readonly cells: ProxyCells
}

/** The proxy and what it costs are there only where the configuration wants them. */
async function createFrontDoor(config: Config, log: Logger, clock: Clock): Promise<FrontDoor | undefined> {
  if (config.proxy === undefined) return undefined
  const [{ createProxy }, { upstreamFailures }] = await Promise.all([
    import('./proxy/server.ts'),
    import('./proxy/observer.ts'),
  ])
  const cells = new ProxyCells(config.proxy.limits, upstreamFailures)
  return { proxy: createProxy({ config: config.proxy, log, clock, observer: cells }), cells }
}

function rulesOf(config: Config): Rules {
  return new Rules(
    Object.entries(config.secrets).map(([name, { provider, key, field, refresh, maxStale, required }]) => ({
      name,
      provider,
      key,
      field,
      refreshMs: refresh,
      maxStaleMs: maxStale,
      required,
    })),
  )
}
