import { Counter, collectDefaultMetrics, Gauge, Registry } from '@prometheus-io/client'
import type { SecretStatus } from '../secrets/reading.ts'
import { secretStates } from '../secrets/reading.ts'
import { auditMetrics } from './audit-metrics.ts'
import { changeMetrics } from './change-metrics.ts'
import { connectionMetrics } from './connection-metrics.ts'
import { fileMetrics } from './file-metrics.ts'
import type { MetricsSource, MetricsState, MetricsText } from './metrics-state.ts'
import { PreparedHistogram } from './prepared-histogram.ts'
import { proxyMetrics } from './proxy-metrics.ts'
import { refusalMetrics } from './refusal-metrics.ts'
import { tlsMetrics } from './tls-metrics.ts'

/** Of the default set, what `promtool check metrics` rightly dislikes: gauges named like counters, types in names. */
const misnamed = [
  'nodejs_active_resources_total',
  'nodejs_active_handles_total',
  'nodejs_active_requests_total',
  'nodejs_eventloop_utilization_histogram',
  'nodejs_eventloop_utilization_summary',
]

/**
 * How often the event loop's delay is sampled, in milliseconds. Each sample wakes the process: at the library's 10 ms an
 * idle sidecar would burn 0.8 % of a core, at 50 ms 0.15 %. A delay shows as what exceeds this.
 */
const eventLoopMonitoringPrecision = 50

/** The library samples utilisation by a timer also when nobody exports it; this often, in milliseconds. */
const eventLoopUtilizationTimeout = 3_600_000

/** The metrics as Prometheus reads them. Every number is read from its source at the scrape. */
export class PrometheusText {
  readonly #registry = new Registry()
  readonly #metrics: MetricsState
  readonly #declared: DeclaredSecrets
  #showsProxy = false
  #showsTls = false
  #showsFiles = false

  constructor(metrics: MetricsState) {
    this.#metrics = metrics
    collectDefaultMetrics({
      register: this.#registry,
      eventLoopMonitoringPrecision,
      eventLoopUtilizationTimeout,
    })
    for (const name of misnamed) this.#registry.removeSingleMetric(name)
    const registers = [this.#registry]
    buildInfo(registers, metrics)
    readiness(registers, metrics)
    this.#declared = new DeclaredSecrets(metrics.cache)
    secrets(registers, metrics, this.#declared)
    providers(registers, metrics)
    cache(registers, metrics)
    requests(registers, metrics)
    refusalMetrics(registers, metrics.refusals)
    connectionMetrics(registers, metrics.cuts)
    changeMetrics(registers, metrics.changes)
    auditMetrics(registers, metrics.audit)
    redactions(registers, metrics)
    reloads(registers, metrics)
  }

  async render(): Promise<MetricsText> {
    this.#declared.look()
    const { proxy, tls, files } = this.#metrics
    // A change of the configuration may bring a proxy when the first scrapes are long over.
    if (proxy !== undefined && !this.#showsProxy) {
      this.#showsProxy = true
      proxyMetrics([this.#registry], proxy)
    }
    if (tls !== undefined && !this.#showsTls) {
      this.#showsTls = true
      tlsMetrics([this.#registry], tls)
    }
    if (files !== undefined && !this.#showsFiles) {
      this.#showsFiles = true
      fileMetrics([this.#registry], files)
    }
    return { contentType: this.#registry.contentType, body: await this.#registry.metrics() }
  }
}

function buildInfo(registers: Registry[], metrics: MetricsState): void {
  new Gauge({
    name: 'sidekeep_build_info',
    help: 'Always 1; the labels say which Sidekeep runs on which Node.',
    labelNames: ['version', 'node'],
    registers,
  }).set({ version: metrics.version, node: process.versions.node }, 1)
}

function readiness(registers: Registry[], metrics: MetricsState): void {
  new Gauge({
    name: 'sidekeep_ready',
    help: '1 while /readyz says yes, else 0.',
    registers,
    collect() {
      this.set(metrics.isReady() ? 1 : 0)
    },
  })
}

/**
 * The declared secrets as they are at one scrape, for all metrics of it. Pattern secrets get no label: their names are the
 * backend's, and their number is not bounded by the configuration.
 */
class DeclaredSecrets {
  readonly #cache: MetricsSource
  all: readonly SecretStatus[] = []

  constructor(cache: MetricsSource) {
    this.#cache = cache
  }

  look(): void {
    this.all = this.#cache.statuses().filter((status) => status.declared)
  }
}

function secrets(registers: Registry[], metrics: MetricsState, declared: DeclaredSecrets): void {
  new Gauge({
    name: 'sidekeep_secret_last_success_timestamp_seconds',
    help: 'When the provider last confirmed the value that is held of a declared secret.',
    labelNames: ['secret', 'provider'],
    registers,
    collect() {
      this.reset()
      for (const { name, provider, confirmedAt } of declared.all) {
        if (confirmedAt !== undefined) this.set(labelsOf(name, provider), confirmedAt / 1_000)
      }
    },
  })
  new Gauge({
    name: 'sidekeep_secret_expiry_timestamp_seconds',
    help: 'When a declared secret stops being served unless its provider confirms it before.',
    labelNames: ['secret', 'provider'],
    registers,
    collect() {
      this.reset()
      for (const { name, provider, expiresAt } of declared.all) {
        if (expiresAt !== undefined) this.set(labelsOf(name, provider), expiresAt / 1_000)
      }
    },
  })
  new Gauge({
    name: 'sidekeep_secret_state',
    help: '1 for the state that a declared secret is in, 0 for the others.',
    labelNames: ['secret', 'state'],
    registers,
    collect() {
      this.reset()
      for (const { name, state: current } of declared.all) {
        for (const state of secretStates) this.set({ secret: name, state }, state === current ? 1 : 0)
      }
    },
  })
  new Gauge({
    name: 'sidekeep_secret_on_fallback',
    help: '1 while what is held of a declared secret with a fallback is not from the provider that is asked first, else 0.',
    labelNames: ['secret'],
    registers,
    collect() {
      this.reset()
      for (const { name, onFallback } of declared.all) {
        if (onFallback !== undefined) this.set({ secret: name }, onFallback ? 1 : 0)
      }
    },
  })
  new Counter({
    name: 'sidekeep_secret_rotations_total',
    help: 'Refreshes that brought a different value; without a label, those of all pattern secrets together.',
    labelNames: ['secret'],
    registers,
    collect() {
      this.reset()
      for (const { name } of declared.all) this.inc({ secret: name }, metrics.rotations.get(name))
      this.inc({}, metrics.patternRotations)
    },
  })
}

/** A composed secret has no provider, and so no label of one. */
function labelsOf(secret: string, provider: string | undefined): { secret: string; provider?: string } {
  return provider === undefined ? { secret } : { secret, provider }
}

function providers(registers: Registry[], metrics: MetricsState): void {
  new Counter({
    name: 'sidekeep_refresh_total',
    help: 'Calls to a provider, by how they ended.',
    labelNames: ['provider', 'outcome'],
    registers,
    collect() {
      this.reset()
      for (const [provider, { outcomes }] of metrics.providers) {
        for (const [outcome, count] of outcomes.entries()) this.inc({ provider, outcome }, count)
      }
    },
  })
  new PreparedHistogram(registers, {
    name: 'sidekeep_refresh_duration_seconds',
    help: 'How long calls to a provider took.',
    label: 'provider',
    series: () => [...metrics.providers].map(([provider, cells]) => [provider, cells.durations]),
  })
  new Gauge({
    name: 'sidekeep_provider_up',
    help: '1 when the provider answered the last call, whatever it said; 0 when it did not, or was not called yet.',
    labelNames: ['provider'],
    registers,
    collect() {
      this.reset()
      for (const [provider, { up }] of metrics.providers) this.set({ provider }, up ? 1 : 0)
    },
  })
  new Gauge({
    name: 'sidekeep_provider_circuit_open',
    help: '1 while the circuit breaker keeps calls from a provider, by what it opened for.',
    labelNames: ['provider', 'cause'],
    registers,
    collect() {
      this.reset()
      for (const [provider, { breakerOpen }] of metrics.providers) {
        for (const cause of ['unavailable', 'denied']) {
          this.set({ provider, cause }, cause === breakerOpen ? 1 : 0)
        }
      }
    },
  })
  new Counter({
    name: 'sidekeep_fallback_served_total',
    help: 'Secrets that a provider brought in place of one that is asked before it and was unavailable.',
    labelNames: ['provider'],
    registers,
    collect() {
      this.reset()
      for (const [provider, { fallbacks }] of metrics.providers) this.inc({ provider }, fallbacks)
    },
  })
  new Counter({
    name: 'sidekeep_lists_shrunk_total',
    help: 'Lists that lacked most of what was held: when first doubted, and when believed after all.',
    labelNames: ['provider', 'verdict'],
    registers,
    collect() {
      this.reset()
      for (const [provider, { shrunkLists }] of metrics.providers) {
        for (const [verdict, count] of shrunkLists.entries()) this.inc({ provider, verdict }, count)
      }
    },
  })
}

function cache(registers: Registry[], metrics: MetricsState): void {
  new Counter({
    name: 'sidekeep_cache_requests_total',
    help: "Requests for a secret's value, by how they met the cache.",
    labelNames: ['result'],
    registers,
    collect() {
      this.reset()
      for (const [result, count] of metrics.reads.entries()) this.inc({ result }, count)
    },
  })
  new Gauge({
    name: 'sidekeep_cache_entries',
    help: 'Secrets whose value is held.',
    registers,
    collect() {
      this.set(metrics.cache.stats().entries)
    },
  })
  new Gauge({
    name: 'sidekeep_cache_bytes',
    help: 'Size of the held values with what belongs to them.',
    registers,
    collect() {
      this.set(metrics.cache.stats().bytes)
    },
  })
}

function reloads(registers: Registry[], metrics: MetricsState): void {
  new Counter({
    name: 'sidekeep_config_reload_total',
    help: 'Changes of the configuration while the sidecar ran, by how they ended; after invalid and failed nothing has changed.',
    labelNames: ['outcome'],
    registers,
    collect() {
      this.reset()
      for (const [outcome, count] of metrics.reloads.entries()) this.inc({ outcome }, count)
    },
  })
  new Gauge({
    name: 'sidekeep_config_last_reload_success_timestamp_seconds',
    help: 'When a configuration was last read, found right and in force; the start is the first time.',
    registers,
    collect() {
      this.set(metrics.lastReloadSuccess / 1_000)
    },
  })
  new Gauge({
    name: 'sidekeep_config_reload_failing',
    help: '1 while the last change of the configuration is not in force: it was wrong, or could not be applied.',
    registers,
    collect() {
      this.set(metrics.reloadFailing ? 1 : 0)
    },
  })
}

function requests(registers: Registry[], metrics: MetricsState): void {
  new Counter({
    name: 'sidekeep_api_requests_total',
    help: 'Requests to the API and the ops listener, by route template; status 499: the caller left before the answer.',
    labelNames: ['route', 'method', 'status'],
    registers,
    collect() {
      this.reset()
      for (const [route, cells] of metrics.routes) {
        for (const { method, status, count } of cells.requests()) this.inc({ route, method, status }, count)
      }
    },
  })
  new PreparedHistogram(registers, {
    name: 'sidekeep_api_request_duration_seconds',
    help: 'From the routing of a request until its answer was handed to the socket.',
    label: 'route',
    series: () => [...metrics.routes].map(([route, cells]) => [route, cells.durations]),
  })
}

function redactions(registers: Registry[], metrics: MetricsState): void {
  new Counter({
    name: 'sidekeep_log_redactions_total',
    help: 'Values that were about to be written, to the log most likely, and were taken out; each is a fault to report.',
    registers,
    collect() {
      this.reset()
      this.inc(metrics.redactions)
    },
  })
}
