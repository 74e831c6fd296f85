import type { ChangeKind } from '../secrets/change-feed.ts'
import type { CallOutcome, SecretsObserver } from '../secrets/observer.ts'
import { callOutcomes } from '../secrets/observer.ts'
import { AuditCells } from './audit-cells.ts'
import { CounterCells, DurationCells, RouteCells } from './cells.ts'
import { ChangeCells } from './change-cells.ts'
import type { CutReason } from './connection-cells.ts'
import { cutReasons } from './connection-cells.ts'
import type { FileCells } from './file-cells.ts'
import type {
  CacheResult,
  MetricsSource,
  MetricsState,
  MetricsText,
  ProviderCells,
  ReloadOutcome,
} from './metrics-state.ts'
import { cacheResults, reloadOutcomes } from './metrics-state.ts'
import type { ProxyCells } from './proxy-cells.ts'
import { liveValues } from './redaction/live-values.ts'
import type { RefusedReason } from './refusal-cells.ts'
import { refusedReasons } from './refusal-cells.ts'
import type { PrometheusText } from './registry.ts'
import type { TlsCells } from './tls-cells.ts'

export interface MetricsOptions {
  /** Sidekeep's own version, for sidekeep_build_info. */
  readonly version: string
  /** The configured providers' names: what is counted of them is shown as 0 before it happens. */
  readonly providers: readonly string[]
  readonly cache: MetricsSource
  /** Where the proxy is configured. */
  readonly proxy?: ProxyCells | undefined
  /** When the configuration was read at the start, in milliseconds since the epoch. */
  readonly configuredAt?: number
}

/** A call to a backend takes from milliseconds on a LAN to its timeout: 5 s by default, and whoever sets more than a minute knows. */
const callBounds = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60]

/**
 * Counts in plain fields and hands them to the metrics library at a scrape. The library is loaded by the first scrape,
 * or by `load()`: it costs some tens of milliseconds, which nobody who waits for the sidecar to start should pay.
 */
export class Metrics
  implements
    MetricsState,
    Pick<SecretsObserver, 'called' | 'rotated' | 'breakerChanged' | 'listShrank' | 'fellBack'>
{
  readonly version: string
  readonly cache: MetricsSource
  readonly routes = new Map<string, RouteCells>()
  readonly refusals = new CounterCells<RefusedReason>(refusedReasons)
  readonly cuts = new CounterCells<CutReason>(cutReasons)
  readonly reads = new CounterCells<CacheResult>(cacheResults)
  readonly providers = new Map<string, ProviderCells>()
  readonly changes = new ChangeCells()
  readonly audit = new AuditCells()
  readonly rotations = new CounterCells<string>()
  patternRotations = 0
  /** Set when a proxy is configured first; from then on its counters stay, with or without it. */
  proxy: ProxyCells | undefined
  /** Set when a listener serves HTTPS first; from then on its counters stay. */
  tls: TlsCells | undefined
  /** Set when files are configured first; from then on they are shown, as many as there are. */
  files: FileCells | undefined
  readonly reloads = new CounterCells<ReloadOutcome>(reloadOutcomes)
  lastReloadSuccess: number
  reloadFailing = false
  /** What `/readyz` says; asked at each scrape. Set by who has the probes. */
  isReady = (): boolean => false
  /** Providers that the configuration named once and does not any more. */
  readonly #gone = new Set<string>()
  #text: Promise<PrometheusText> | undefined
  #rendering: Promise<MetricsText> | undefined

  constructor(options: MetricsOptions) {
    this.version = options.version
    this.cache = options.cache
    this.proxy = options.proxy
    this.lastReloadSuccess = options.configuredAt ?? 0
    for (const provider of options.providers) this.#provider(provider)
  }

  /** The cells of a route; the label is its template, so that names in paths do not become label values. */
  route(label: string): RouteCells {
    return getOrAdd(this.routes, label, () => new RouteCells())
  }

  /** A request was not let in, or asked for what is not for its caller. */
  refused(reason: RefusedReason): void {
    this.refusals.increase(reason)
  }

  /** A connection was cut, and not because its listener closes. */
  connectionCut(reason: CutReason): void {
    this.cuts.increase(reason)
  }

  /** A request for a secret's value was looked up. */
  cacheRead(result: CacheResult): void {
    this.reads.increase(result)
  }

  /** Of the process, as its log is: also what was written before this sidecar was there. */
  get redactions(): number {
    return liveValues.redactions
  }

  /** A change of the configuration ended, at a time in milliseconds since the epoch. */
  reloaded(outcome: ReloadOutcome, at: number): void {
    this.reloads.increase(outcome)
    this.reloadFailing = outcome === 'invalid' || outcome === 'failed'
    if (!this.reloadFailing) this.lastReloadSuccess = at
  }

  /**
   * Another configuration is in force. What was counted of a provider that it does not name is shown no longer.
   *
   * @param replaced providers that begin anew under the name that they had
   */
  providersChanged(names: readonly string[], replaced: readonly string[]): void {
    for (const name of this.providers.keys()) {
      if (names.includes(name)) continue
      this.providers.delete(name)
      this.#gone.add(name)
    }
    for (const name of names) {
      this.#gone.delete(name)
      this.#provider(name)
    }
    for (const name of replaced) {
      const cells = this.#provider(name)
      cells.breakerOpen = undefined
      // That the former one answered says nothing of the one that has not been called yet.
      cells.up = false
    }
  }

  /** Requests that wait for a change have become this many more or fewer. */
  waiting(difference: 1 | -1): void {
    this.changes.waiting += difference
  }

  /** Open event streams have become this many more or fewer. */
  eventStreams(difference: 1 | -1): void {
    this.changes.streams += difference
  }

  /** An event stream was ended because its reader was too slow. */
  eventStreamDropped(): void {
    this.changes.dropped += 1
  }

  /** Something happened to a secret that event streams tell of. */
  changed({ event }: { event: ChangeKind }): void {
    this.changes.events.increase(event)
  }

  /** A call to a provider ended. */
  called({
    provider,
    outcome,
    durationMs,
  }: {
    provider: string
    outcome: CallOutcome
    durationMs: number
  }): void {
    const cells = this.#present(provider)
    if (cells === undefined) return
    cells.outcomes.increase(outcome)
    cells.durations.observe(durationMs)
    // A backend that refuses or throttles is up; what it says is in the outcomes.
    cells.up = outcome !== 'unavailable'
  }

  rotated({ secret, declared }: { secret: string; declared: boolean }): void {
    if (declared) this.rotations.increase(secret)
    else this.patternRotations += 1
  }

  breakerChanged({ provider, cause, open }: Parameters<SecretsObserver['breakerChanged']>[0]): void {
    const cells = this.#present(provider)
    if (cells !== undefined) cells.breakerOpen = open ? cause : undefined
  }

  listShrank({ provider, believed }: Parameters<SecretsObserver['listShrank']>[0]): void {
    this.#present(provider)?.shrunkLists.increase(believed ? 'believed' : 'doubted')
  }

  fellBack({ provider }: Pick<Parameters<SecretsObserver['fellBack']>[0], 'provider'>): void {
    const cells = this.#present(provider)
    if (cells !== undefined) cells.fallbacks += 1
  }

  /** Loads the metrics library ahead of the first scrape and begins to watch the event loop and the collector. */
  async load(): Promise<void> {
    await this.#loaded()
  }

  /** The metrics in Prometheus' text format. */
  render(): Promise<MetricsText> {
    // Those who scrape at the same time share one text: with thousands of secrets it takes long to make.
    this.#rendering ??= this.#render().finally(() => {
      this.#rendering = undefined
    })
    return this.#rendering
  }

  async #render(): Promise<MetricsText> {
    const text = await this.#loaded()
    return await text.render()
  }

  #loaded(): Promise<PrometheusText> {
    this.#text ??= import('./registry.ts').then(({ PrometheusText }) => new PrometheusText(this))
    return this.#text
  }

  /** A call that was under way when its provider was removed must not bring the provider back. */
  #present(name: string): ProviderCells | undefined {
    return this.#gone.has(name) ? undefined : this.#provider(name)
  }

  #provider(name: string): ProviderCells {
    return getOrAdd(this.providers, name, () => ({
      outcomes: new CounterCells(callOutcomes),
      durations: new DurationCells(callBounds),
      up: false,
      breakerOpen: undefined,
      fallbacks: 0,
      shrunkLists: new CounterCells(['doubted', 'believed']),
    }))
  }
}

export function createMetrics(options: MetricsOptions): Metrics {
  return new Metrics(options)
}

function getOrAdd<K, V>(map: Map<K, V>, key: K, make: () => V): V {
  let value = map.get(key)
  if (value === undefined) {
    value = make()
    map.set(key, value)
  }
  return value
}
