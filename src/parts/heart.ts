import type { Config } from '../config/schema.ts'
import type { Logger } from '../observability/log.ts'
import type { Metrics } from '../observability/metrics.ts'
import { createMetrics } from '../observability/metrics.ts'
import { type Holder, liveValues } from '../observability/redaction/live-values.ts'
import { createReporter } from '../observability/reporter.ts'
import type { Changes } from '../reload/changes.ts'
import { SecretCache } from '../secrets/cache.ts'
import { ChangeFeed, tellBoth } from '../secrets/change-feed.ts'
import type { Clock, Random } from '../secrets/clock.ts'
import { Refresher } from '../secrets/refresher.ts'
import { cacheSettingsOf } from './rules.ts'
import type { PreparedSources, Sources } from './sources.ts'

export interface HeartOptions {
  readonly config: Config
  readonly sources: Sources
  /** Sidekeep's own version, for the metrics. */
  readonly version: string
  readonly log: Logger
  readonly clock: Clock
  readonly random: Random
}

/** What lies between the providers and the listeners: what is held, when it is fetched, and who is told of it. */
export class Heart {
  readonly cache: SecretCache
  readonly refresher: Refresher
  readonly feed: ChangeFeed
  readonly metrics: Metrics
  readonly #sources: Sources
  readonly #values: Holder
  /** Called after each call to a provider, and when what is held has become more. */
  onCalled: () => void = () => {}

  constructor({ config, sources, version, log, clock, random }: HeartOptions) {
    this.#sources = sources
    this.metrics = createMetrics({
      version,
      providers: Object.keys(config.providers),
      configuredAt: clock.wall(),
      cache: { statuses: () => this.cache.statuses(), stats: () => this.cache.stats() },
    })
    const reporter = createReporter(log, this.metrics)
    this.feed = new ChangeFeed({
      clock,
      history: config.api.eventHistory,
      versionOf: (name) => this.cache.status(name)?.version,
    })
    this.feed.subscribe((change) => this.metrics.changed(change))
    const both = tellBoth(reporter, this.feed)
    const observer = {
      ...both,
      called: (event: Parameters<typeof reporter.called>[0]): void => {
        reporter.called(event)
        this.onCalled()
      },
      // One call may have been for many: it is told with the first of them, and readiness may hang on the last.
      loaded: (event: Parameters<typeof reporter.loaded>[0]): void => {
        both.loaded(event)
        this.onCalled()
      },
      discovered: (event: Parameters<typeof reporter.discovered>[0]): void => {
        both.discovered(event)
        this.onCalled()
      },
    }
    sources.onBreaker = (event) => observer.breakerChanged(event)
    const settings = cacheSettingsOf(config)
    const values = liveValues.holder()
    this.#values = values
    this.cache = new SecretCache({
      ...settings,
      clock,
      observer,
      onEvicted: (match) => this.refresher.forget(match),
      onValue(name, secret) {
        if (secret === undefined) values.release(name)
        else values.hold(name, secret.reveal())
      },
    })
    this.refresher = new Refresher({
      rules: settings.rules,
      cache: this.cache,
      sources: sources.all,
      clock,
      random,
      observer,
    })
  }

  /** Goes on by another configuration, without a pause in which somebody could see half of it. */
  apply(config: Config, { providers }: Changes, sources: PreparedSources): void {
    const settings = cacheSettingsOf(config)
    sources.commit()
    this.cache.apply(settings)
    this.refresher.apply({ rules: settings.rules, sources: sources.all })
    sources.closeFormer()
    this.feed.keep(config.api.eventHistory)
    this.metrics.providersChanged(Object.keys(config.providers), providers.changed)
    if (config.proxy !== undefined) this.metrics.proxy?.limitsChanged(config.proxy.limits)
  }

  /** No fetch begins any more, and what is under way is given up. */
  async stop(): Promise<void> {
    this.refresher.stop()
    await this.#sources.close()
  }

  /** Overwrites all values. Only at the end, when nobody is being answered any more; of none a line may tell even then. */
  close(): void {
    this.#values.close()
    this.cache.close()
  }
}
