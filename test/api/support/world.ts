import type { AddressInfo } from 'node:net'
import type { FastifyInstance } from 'fastify'
import { withoutCallers } from '../../../src/access/anyone.ts'
import type { Health } from '../../../src/api/health.ts'
import { createHealth } from '../../../src/api/health.ts'
import type { ApiConfig, ApiDeps } from '../../../src/api/ports.ts'
import { createApi, createOps } from '../../../src/api/server.ts'
import { backlog } from '../../../src/listener/backlog.ts'
import type { Metrics } from '../../../src/observability/metrics.ts'
import { createMetrics } from '../../../src/observability/metrics.ts'
import { SecretCache } from '../../../src/secrets/cache.ts'
import { ChangeFeed, tellBoth } from '../../../src/secrets/change-feed.ts'
import { Refresher } from '../../../src/secrets/refresher.ts'
import type { Rule } from '../../../src/secrets/rules.ts'
import { Rules } from '../../../src/secrets/rules.ts'
import { Source } from '../../../src/secrets/source.ts'
import type { HttpAnswer } from '../../support/http-answer.ts'
import { settle, VirtualClock } from '../../support/virtual-clock.ts'
import type { RequestOptions } from './client.ts'
import { request } from './client.ts'
import { MemoryProvider } from './memory-provider.ts'

/** The part of a tap test that is used here. */
interface Scope {
  teardown(fn: () => unknown): void
}

/** `access`: whether X-Sidekeep-Request is wanted, where `deps.access` says nothing else. */
type WorldConfig = Partial<ApiConfig> & { readonly access?: 'header' | 'open' }

export interface WorldOptions {
  readonly values?: Readonly<Record<string, string | Buffer>>
  /** Changes to the rules below, and further ones, by name. */
  readonly rules?: Readonly<Record<string, Partial<Rule>>>
  readonly config?: WorldConfig
  readonly deps?: Partial<ApiDeps>
  /** How many past events are kept; 100 unless told else. */
  readonly eventHistory?: number
  /** Whether everything is fetched before the first request. */
  readonly loaded?: boolean
}

/** The api and ops listeners on loopback, over a real cache and refresher, a backend in memory and a clock that stands still. */
export interface World {
  readonly api: FastifyInstance
  readonly ops: FastifyInstance
  readonly port: number
  readonly opsPort: number
  readonly provider: MemoryProvider
  readonly clock: VirtualClock
  readonly cache: SecretCache
  readonly refresher: Refresher
  readonly metrics: Metrics
  readonly feed: ChangeFeed
  /** What the api listener was made with. */
  readonly deps: ApiDeps
  /** What was logged as an error. */
  readonly errors: { err: unknown; message: string }[]
  /** What was logged as a warning. */
  readonly warnings: { details: object; message: string }[]
  /** What was logged at debug. */
  readonly debug: string[]
  /** How often the sidecar was asked to end. */
  readonly quits: { count: number }
  readonly state: { listenersUp: boolean; shuttingDown: boolean }
  /** Writes a changed configuration over the one that the routes read, as the sidecar does. */
  configure(config: WorldConfig): void
  /** A request to the api listener, with the header that it wants. */
  get(path: string, options?: RequestOptions): Promise<HttpAnswer>
  post(path: string, options?: RequestOptions): Promise<HttpAnswer>
}

const defaults = { provider: 'memory', refreshMs: 600_000, maxStaleMs: 86_400_000, required: false }

export async function createWorld(t: Scope, options: WorldOptions = {}): Promise<World> {
  const { access = 'header', ...config } = options.config ?? {}
  let wanted = access
  const clock = new VirtualClock()
  const provider = new MemoryProvider(options.values ?? { 'db-password': 'CANARY-db-password-1' })
  const names = new Set([
    ...Object.keys(options.values ?? { 'db-password': '' }),
    ...Object.keys(options.rules ?? {}),
  ])
  const rules = new Rules(
    [...names].map((name) => ({ ...defaults, name, key: name, ...options.rules?.[name] })),
  )
  const metrics = createMetrics({
    version: '0.0.0-test',
    providers: ['memory'],
    cache: { statuses: () => cache.statuses(), stats: () => cache.stats() },
  })
  const feed = new ChangeFeed({
    clock,
    history: options.eventHistory ?? 100,
    versionOf: (name) => cache.status(name)?.version,
  })
  feed.subscribe((change) => metrics.changed(change))
  const counting = {
    called: (event: Parameters<Metrics['called']>[0]) => metrics.called(event),
    rotated: (event: Parameters<Metrics['rotated']>[0]) => metrics.rotated(event),
    failed() {},
    recovered() {},
    loaded() {},
    stateChanged() {},
    breakerChanged() {},
    listShrank() {},
    fellBack() {},
    cameBack() {},
    discovered() {},
    broke({ thrown }: { thrown: unknown }) {
      throw thrown
    },
  }
  const observer = tellBoth(counting, feed)
  const cache = new SecretCache({
    rules,
    clock,
    observer,
    maxEntries: 1_000,
    maxBytes: 1_000_000,
    missingTtlMs: 10_000,
    onEvicted: (match) => refresher.forget(match),
  })
  const sources = new Map([['memory', new Source('memory', provider, clock)]])
  const refresher = new Refresher({ rules, cache, sources, clock, random: () => 0.5, observer })
  const state = { listenersUp: true, shuttingDown: false }
  const health: Health = createHealth({
    required: () => cache.required,
    listenersUp: () => state.listenersUp,
    shuttingDown: () => state.shuttingDown,
  })
  const errors: World['errors'] = []
  const warnings: World['warnings'] = []
  const debug: string[] = []
  const quits = { count: 0 }
  const deps: ApiDeps = {
    cache,
    refresher,
    changes: feed,
    quit: () => {
      quits.count++
    },
    health,
    metrics,
    clock,
    version: '0.0.0-test',
    log: {
      error: ({ err }, message) => errors.push({ err, message }),
      warn: (details, message) => warnings.push({ details, message }),
      debug: (details, message) => debug.push(`${message} ${JSON.stringify(details)}`),
    },
    access: withoutCallers('test', () => wanted === 'header'),
    ...options.deps,
    config: {
      hosts: [],
      maxConnections: 100,
      demandTimeout: 5_000,
      refreshTimeout: 30_000,
      maxWait: 60_000,
      maxWaiters: 10_000,
      maxEventStreams: 100,
      ...config,
    },
  }
  const api = createApi(deps)
  const ops = createOps(deps)
  t.teardown(() => Promise.all([api.close(), ops.close()]))
  if (options.loaded !== false) {
    refresher.start()
    await settle()
  }
  await api.listen({ host: '127.0.0.1', port: 0, backlog })
  await ops.listen({ host: '127.0.0.1', port: 0, backlog })
  const port = portOf(api)
  const send = (
    method: string,
    path: string,
    { headers, ...rest }: RequestOptions = {},
  ): Promise<HttpAnswer> =>
    request(port, method, path, { headers: { 'X-Sidekeep-Request': 'true', ...headers }, ...rest })
  return {
    api,
    ops,
    port,
    opsPort: portOf(ops),
    provider,
    clock,
    cache,
    refresher,
    metrics,
    feed,
    deps,
    errors,
    warnings,
    debug,
    quits,
    state,
    configure({ access = wanted, ...config }) {
      wanted = access
      Object.assign(deps.config, config)
      api.reconfigured()
    },
    get: (path, init) => send('GET', path, init),
    post: (path, init) => send('POST', path, init),
  }
}

/** Until the provider is asked again: within a second of the last call, whoever wants another gets what that brought. */
export async function pause({ clock }: Pick<World, 'clock'>): Promise<void> {
  await clock.advance(1_000)
}

export function portOf(app: FastifyInstance): number {
  const address: string | AddressInfo | null = app.server.address()
  if (address === null || typeof address === 'string') throw new Error('does not listen on a port')
  return address.port
}
