/** The composition root: a configuration in, running parts out. The one place that knows all parts. */
import type { FastifyInstance } from 'fastify'
import type { Callers } from './access/callers.ts'
import type { Health } from './api/health.ts'
import { createHealth } from './api/health.ts'
import { createApi, createOps } from './api/server.ts'
import type { AuditTrail } from './audit/trail.ts'
import type { Config, ProxyConfig } from './config/schema.ts'
import type { Logger } from './observability/log.ts'
import type { ReloadOutcome } from './observability/metrics-state.ts'
import { liveValues } from './observability/redaction/live-values.ts'
import { TlsCells } from './observability/tls-cells.ts'
import { createAudit } from './parts/audit.ts'
import { prepareChange } from './parts/change.ts'
import type { Door } from './parts/doors.ts'
import { lastClosing } from './parts/drain-time.ts'
import { FilesPart } from './parts/files.ts'
import { Heart } from './parts/heart.ts'
import type { Served } from './parts/listener.ts'
import type { Addresses } from './parts/listeners.ts'
import { Listeners } from './parts/listeners.ts'
import { serveApi } from './parts/served-api.ts'
import { serveProxy } from './parts/served-proxy.ts'
import { Sources } from './parts/sources.ts'
import { Turns } from './parts/turns.ts'
import { createProvider } from './providers/registry.ts'
import type { Changes } from './reload/changes.ts'
import { changesBetween } from './reload/changes.ts'
import type { Clock, Random } from './secrets/clock.ts'
import { pause, systemClock } from './secrets/clock.ts'
import type { Refresher } from './secrets/refresher.ts'

export type { Addresses } from './parts/listeners.ts'

export interface SidecarOptions {
  readonly config: Config
  readonly log: Logger
  readonly version: string
  readonly clock?: Clock
  readonly random?: Random
}

/** What takes time to build, and so is there before the sidecar is. */
interface Built {
  readonly heart: Heart
  readonly sources: Sources
}

/** How long after ready the metrics library is loaded, in milliseconds: it takes some tens of them. */
const metricsLoadDelay = 1_000

export class Sidecar {
  #config: Config
  /** As the api's routes and door read it, at each request: a changed configuration is written into it. */
  readonly #apiConfig: Config['api']
  readonly #log: Logger
  readonly #clock: Clock
  readonly #heart: Heart
  readonly #sources: Sources
  readonly #listeners: Listeners
  readonly #audit: AuditTrail
  readonly #files: FilesPart
  /** Opening, changing and closing: one after the other. */
  readonly #turns = new Turns()
  readonly #ready = Promise.withResolvers<Addresses>()
  readonly #quit = Promise.withResolvers<void>()
  /** Whether all that is required was held, and written: the proxy may be opened. */
  #isReady = false
  /** Whether `ready` was told. */
  #wasReady = false
  #stopping = false
  /** Settles when no file is written any more. */
  #filesClosed: Promise<void> | undefined
  /** What the stop is waiting for; told when it takes too long. */
  stage = 'running'

  /**
   * Builds all parts and opens nothing.
   *
   * @throws SIDEKEEP_CERTIFICATE_INVALID
   */
  static async create(options: SidecarOptions): Promise<Sidecar> {
    const { config, log, version, clock = systemClock, random = Math.random } = options
    const sources = await Sources.create(config.providers, {
      makeProvider: createProvider,
      clock,
      random,
      log,
    })
    const heart = new Heart({ config, sources, version, log, clock, random })
    const sidecar = new Sidecar(options, { heart, sources })
    await sidecar.#listeners.create(config)
    await sidecar.#files.create(config)
    return sidecar
  }

  private constructor(options: SidecarOptions, { heart, sources }: Built) {
    const { config, log, version, clock = systemClock, random = Math.random } = options
    this.#config = config
    this.#apiConfig = { ...config.api }
    this.#log = log
    this.#clock = clock
    this.#heart = heart
    this.#sources = sources
    this.#audit = createAudit({ log, clock, metrics: heart.metrics })
    this.#files = new FilesPart({
      load: loadFiles,
      heart,
      sources,
      audit: this.#audit,
      log,
      clock,
      random,
      onCurrent: () => this.#checkReady(),
    })
    const health = this.#health()
    heart.metrics.isReady = () => health.readyz.every((check) => check.passes())
    const deps = {
      cache: heart.cache,
      refresher: heart.refresher,
      changes: heart.feed,
      quit: () => this.#quit.resolve(),
      health,
      metrics: heart.metrics,
      audit: this.#audit,
      log,
      clock,
      version,
      config: this.#apiConfig,
    }
    const peers = new Set<Callers>()
    const tls = () => {
      heart.metrics.tls ??= new TlsCells()
      return { clock, log, observer: heart.metrics.tls }
    }
    const make = {
      api: (door: Door) =>
        serveApi(door, {
          create: (access, secured) => createApi({ ...deps, access, ...(secured && { tls: secured }) }),
          callers: { clock, log, peers, keeper: () => liveValues.holder() },
          tls,
        }),
      ops: () => served(createOps(deps)),
      proxy: (config: ProxyConfig) =>
        serveProxy(config, { load: loadProxy, heart, log, clock, tls, onFit: () => this.#bringUp() }),
    }
    this.#listeners = new Listeners(make, log)
    heart.onCalled = () => {
      this.#files.called()
      this.#checkReady()
    }
  }

  #health(): Health {
    return createHealth({
      required: () => this.#heart.cache.required,
      listenersUp: () => this.#listeners.areUp,
      shuttingDown: () => this.#stopping,
      auditLetsAnswer: () => this.#audit.letsAnswer,
      files: () => this.#files,
    })
  }

  /**
   * Resolves when all required secrets are held and all required files written for the first time, and all listeners are
   * open: not while the certificate of the proxy, which opens last, is unfit. Rejects with SIDEKEEP_LISTEN_FAILED where that cannot be opened.
   */
  get ready(): Promise<Addresses> {
    return this.#ready.promise
  }

  /** Resolves when a caller has asked for the end. Whoever runs the sidecar calls `stop` then, as at a signal. */
  get quitAsked(): Promise<void> {
    return this.#quit.promise
  }

  /** What is in force now. */
  get config(): Config {
    return this.#config
  }

  /** Where the listeners are bound now; undefined before the api is open. */
  get addresses(): Addresses | undefined {
    return this.#listeners.addresses
  }

  /**
   * Opens the listeners, then begins to fetch, and to write files. Resolves when callers are answered, ready or not.
   *
   * @throws SIDEKEEP_AUDIT_UNWRITABLE or SIDEKEEP_LISTEN_FAILED; whatever was opened before is closed again
   */
  async start(): Promise<Addresses> {
    return await this.#turns.take(async () => {
      try {
        const audit = await this.#audit.prepare(this.#config.audit)
        audit.commit()
        await this.#listeners.open()
      } catch (error) {
        this.#stopping = true
        await this.#listeners.closeProxy()
        await this.#closeAll()
        throw error
      }
      this.#files.start()
      this.#heart.refresher.start()
      this.#checkReady()
      return this.#addresses()
    })
  }

  #addresses(): Addresses {
    const { addresses } = this.#listeners
    if (addresses === undefined) throw new Error('the api listener is not open')
    return addresses
  }

  /** Fetches everything once, without opening a listener, and tells how that went for each secret. */
  fetchOnce(): ReturnType<Refresher['refreshAll']> {
    return this.#heart.refresher.refreshAll()
  }

  /** Finds out whether each file could be written, and leaves nothing behind. */
  tryFiles(): ReturnType<FilesPart['tryOnce']> {
    return this.#files.tryOnce()
  }

  /**
   * Not ready, then the listeners in the order in which they are needed least, then the providers, then the values.
   * Resolves when all is closed; may hang where a part hangs, so whoever calls it keeps a deadline.
   */
  async stop(): Promise<void> {
    this.#stopping = true
    this.stage = 'ending a change of the configuration'
    await this.#turns.take(async () => {
      // What is under way is finished beside all that follows, and waited for before the values are overwritten.
      this.#filesClosed = this.#files.close()
      // Nobody waits for it yet.
      this.#filesClosed.catch(() => {})
      this.stage = 'draining the proxy'
      await this.#listeners.closeProxy(lastClosing(this.#config.shutdown))
      const { linger } = this.#config.shutdown
      if (linger > 0 && this.#listeners.apiIsOpen) {
        this.stage = 'linger'
        await pause(this.#clock, linger).over
      }
      await this.#closeAll()
    })
  }

  /**
   * Puts another configuration in force while the sidecar runs: what is held stays held, what stays the same is not
   * touched. `log.format` alone waits for the next start.
   *
   * @returns what has changed, or why nothing has
   * @throws what kept it from being applied, SIDEKEEP_LISTEN_FAILED say; then everything is as it was
   */
  async reload(config: Config): Promise<Changes | 'unchanged' | 'stopping'> {
    return await this.#turns.take(() => this.#change(config))
  }

  /** The file of the audit may have been rotated: opens what lies at its path now. */
  reopenAudit(): void {
    this.#audit.reopen()
  }

  /** Whoever asked for a change of the configuration knows how that ended; here it is counted. */
  reloadEnded(outcome: ReloadOutcome): void {
    this.#heart.metrics.reloaded(outcome, this.#clock.wall())
  }

  async #change(config: Config): Promise<Changes | 'unchanged' | 'stopping'> {
    if (this.#stopping) return 'stopping'
    const changes = changesBetween(this.#config, config)
    if (changes === undefined) return 'unchanged'
    const parts = {
      sources: this.#sources,
      heart: this.#heart,
      listeners: this.#listeners,
      audit: this.#audit,
      files: this.#files,
    }
    const prepared = await prepareChange(parts, config, changes, {
      opensProxy: this.#isReady,
      inForce: () => {
        this.#config = config
        Object.assign(this.#apiConfig, config.api)
        this.#log.level = config.log.level
      },
    })
    if (this.#stopping) {
      await prepared.abandon()
      return 'stopping'
    }
    prepared.commit()
    for (const app of this.#listeners.ownApps) app.reconfigured()
    // A file may wait for nothing any more, and no call be due for long.
    this.#files.called()
    // What was waited for may not be required any more, and what kept the proxy closed may be over.
    this.#checkReady()
    this.#bringUp()
    return changes
  }

  async #closeAll(): Promise<void> {
    this.stage = 'closing the api listener'
    // Whoever keeps a connection is given a moment to leave: the callers of both listeners at the same time.
    const opsClosed = this.#listeners.closeOps()
    await this.#listeners.closeApi()
    this.stage = 'closing the listeners of the former configuration'
    await this.#listeners.left()
    this.stage = 'closing the providers'
    await this.#heart.stop()
    this.stage = 'closing the ops listener'
    await opsClosed
    this.stage = 'writing the rest of the files'
    await (this.#filesClosed ?? this.#files.close())
    this.#heart.close()
    this.stage = 'writing the rest of the audit'
    await this.#audit.close()
    this.stage = 'stopped'
  }

  #checkReady(): void {
    if (this.#isReady || this.#stopping || !this.#listeners.apiIsOpen) return
    if (!this.#heart.cache.loadedRequired || !this.#heart.cache.required.held) return
    if (!this.#files.wereWritten) return
    this.#isReady = true
    // Whoever runs the sidecar waits for this; where nobody does, a failure is no unhandled one.
    this.#ready.promise.catch(() => {})
    this.#bringUp()
    // Ahead of the first scrape, but not while whoever waited for the start has the first questions.
    this.#clock.setTimer(() => void this.#heart.metrics.load(), metricsLoadDelay)
  }

  /**
   * Opens the proxy in its turn, where it is not open: the application may need its secrets to answer, so nobody is let
   * through to it before they are held. One whose certificate is unfit stays closed, and this is called again when it is
   * not any more: nothing waits for that.
   */
  #bringUp(): void {
    if (!this.#isReady) return
    const opening = this.#turns.take(async () => !this.#stopping && (await this.#listeners.openProxy()))
    opening.then(
      (isOpen) => {
        // A stop that came in between leaves nothing to be ready for.
        if (!isOpen || this.#stopping) return
        this.#wasReady = true
        this.#ready.resolve(this.#addresses())
      },
      (err) => {
        // Nobody waits any more; the next change of the configuration tries again.
        if (this.#wasReady) this.#log.error({ err }, 'the proxy stays closed')
        this.#ready.reject(err)
      },
    )
  }
}

/** Where the configuration wants it, and not before. */
async function loadProxy() {
  const [server, observer] = await Promise.all([import('./proxy/server.ts'), import('./proxy/observer.ts')])
  return { ...server, ...observer }
}

async function loadFiles() {
  const [room, observer] = await Promise.all([import('./files/room.ts'), import('./files/observer.ts')])
  return { ...room, ...observer }
}

function served(app: FastifyInstance): Served {
  return { app, close: () => app.close() }
}
