/** A proxy on a free port of loopback, with a clock that stands still, and everything it counts and logs. */
import type { ServerOptions } from 'node:https'
import { pino } from 'pino'
import type { Test } from 'tap'
import type { LimitConfig, ProxyConfig } from '../../../src/config/schema.ts'
import type {
  ProxyGauges,
  ProxyObserver,
  StoreFailure,
  UpstreamFailure,
} from '../../../src/proxy/observer.ts'
import { createProxy, type ProxyServer } from '../../../src/proxy/server.ts'
import { VirtualClock } from '../../support/virtual-clock.ts'

/** Keeps what the proxy tells the metrics, and lets a test wait for it. */
export class Observed implements ProxyObserver {
  readonly answers: { method: string; status: number; durationMs: number }[] = []
  readonly limits: { limit: string; mode: string }[] = []
  readonly failures: UpstreamFailure[] = []
  readonly storeFailures: StoreFailure[] = []
  readonly upstreamDurations: number[] = []
  upgrades = 0
  bytesReceived = 0
  bytesSent = 0
  readGauges: () => ProxyGauges = () => ({ inFlight: 0, queueDepth: 0, limitKeys: [] })
  #wake: () => void = () => {}

  answered(event: { method: string; status: number; durationMs: number }): void {
    this.answers.push(event)
    this.#wake()
  }

  limited(event: { limit: string; mode: string }): void {
    this.limits.push(event)
  }

  upstreamAnswered({ durationMs }: { durationMs: number }): void {
    this.upstreamDurations.push(durationMs)
  }

  upstreamFailed({ reason }: { reason: UpstreamFailure }): void {
    this.failures.push(reason)
    this.#wake()
  }

  upgraded(): void {
    this.upgrades += 1
  }

  received(bytes: number): void {
    this.bytesReceived += bytes
  }

  sent(bytes: number): void {
    this.bytesSent += bytes
  }

  storeFailed({ reason }: { reason: StoreFailure }): void {
    this.storeFailures.push(reason)
  }

  gauges(read: () => ProxyGauges): () => void {
    this.readGauges = read
    return () => {}
  }

  /** Resolves once `count` requests are over. */
  async over(count: number): Promise<void> {
    while (this.answers.length < count) {
      const { promise, resolve } = Promise.withResolvers<void>()
      this.#wake = resolve
      await promise
    }
  }
}

export interface StartedProxy {
  readonly proxy: ProxyServer
  /** 0 where it listens on a Unix socket. */
  readonly port: number
  /** Of the Unix socket, where it listens on one. */
  readonly path: string
  readonly clock: VirtualClock
  readonly observed: Observed
  /** The lines of the log, as JSON. */
  readonly lines: readonly string[]
}

export type ProxyOptions = { upstream: string; timeouts?: Partial<ProxyConfig['timeouts']> } & Partial<
  Omit<ProxyConfig, 'listen' | 'upstream' | 'timeouts'>
>

/** Of a proxy whose configuration refers to no secret. */
export const noValues = { read: () => undefined, watch: () => () => {} }

/**
 * Starts a proxy that is closed, with its connections, when the test ends.
 *
 * @param path a Unix socket to listen on, in place of a port
 * @param tls what HTTPS is served with, in place of HTTP
 */
export async function startProxy(
  t: Test,
  options: ProxyOptions,
  path?: string,
  tls?: ServerOptions,
): Promise<StartedProxy> {
  const clock = new VirtualClock()
  const observed = new Observed()
  const lines: string[] = []
  const log = pino({ base: null }, { write: (line: string) => lines.push(line) })
  const proxy = await createProxy({
    config: configOf(options),
    log,
    clock,
    observer: observed,
    values: noValues,
    tls,
  })
  await proxy.app.listen(path === undefined ? { host: '127.0.0.1', port: 0 } : { path })
  t.teardown(async () => {
    proxy.app.server.closeAllConnections()
    await proxy.close()
  })
  const address = proxy.app.server.address()
  const port = typeof address === 'object' ? (address?.port ?? 0) : 0
  return { proxy, port, path: path ?? '', clock, observed, lines }
}

/** The defaults, but for the access log, which the lines of a test would drown in. */
export function configOf({ timeouts, ...options }: ProxyOptions): ProxyConfig {
  return {
    listen: { kind: 'tcp', host: '127.0.0.1', port: 0 },
    upstreamTls: {},
    trustedProxies: [],
    timeouts: {
      connect: 2_000,
      headers: 30_000,
      idle: 60_000,
      request: 0,
      upgraded: 3_600_000,
      ...timeouts,
    },
    maxBody: 0,
    concurrency: { max: 512, queue: 128, queueTimeout: 1_000 },
    limits: [],
    exempt: [],
    store: { kind: 'memory' },
    onStoreFailure: 'local',
    rateLimitHeaders: 'draft',
    access: { log: 'none', path: false, sampleRate: 10 },
    ...options,
  }
}

/** A limit on every client, where nothing else is said. */
export function limitOf(options: Partial<LimitConfig> = {}): LimitConfig {
  return {
    name: 'per-client',
    match: {},
    key: [{ by: 'client-ip' }],
    rate: 1,
    burst: 1,
    mode: 'enforce',
    maxKeys: 50_000,
    ...options,
  }
}
