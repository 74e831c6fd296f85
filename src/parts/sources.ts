import type { BackendConfig, Config, ProviderConfig } from '../config/schema.ts'
import type { Logger } from '../observability/log.ts'
import type { Difference } from '../reload/changes.ts'
import type { Clock, Random } from '../secrets/clock.ts'
import type { SecretsObserver } from '../secrets/observer.ts'
import type { Provider, ProviderContext } from '../secrets/provider.ts'
import { Source } from '../secrets/source.ts'
import type { Prepared } from './prepared.ts'

export interface SourcesOptions {
  readonly makeProvider: (config: BackendConfig, context: ProviderContext) => Promise<Provider>
  readonly clock: Clock
  readonly random: Random
  readonly log: Logger
}

type BreakerEvent = Parameters<SecretsObserver['breakerChanged']>[0]

/** The sources of another configuration. Its commit closes none: until the refresher knows of it, they are in use. */
export interface PreparedSources extends Prepared {
  /** By name, those that stay among them. */
  readonly all: ReadonlyMap<string, Source>
  /** Ends those that were replaced or removed, and what is under way there, behind the caller's back. */
  closeFormer(): void
}

/** The configured providers, each as the source that the refresher calls. */
export class Sources {
  readonly #options: SourcesOptions
  #all: ReadonlyMap<string, Source> = new Map()
  #configs: Config['providers'] = {}
  readonly #closing = new Set<Promise<void>>()
  /** Told of the breakers of those that are in use. */
  onBreaker: (event: BreakerEvent) => void = () => {}

  /** Builds all providers of a configuration; connects to none. */
  static async create(providers: Config['providers'], options: SourcesOptions): Promise<Sources> {
    const sources = new Sources(options)
    const none = { added: Object.keys(providers), removed: [], changed: [] }
    const { commit } = await sources.prepare(providers, none)
    commit()
    return sources
  }

  private constructor(options: SourcesOptions) {
    this.#options = options
  }

  /** By name. */
  get all(): ReadonlyMap<string, Source> {
    return this.#all
  }

  /**
   * Builds what another configuration adds or changes. What stays the same stays the same object, with its connections
   * and with all that it knows of its backend.
   */
  async prepare(
    providers: Config['providers'],
    { added, removed, changed }: Difference,
  ): Promise<PreparedSources> {
    await using undo = new AsyncDisposableStack()
    const before = this.#all
    const after = new Map(before)
    for (const name of removed) after.delete(name)
    // All of them, and each in its place, before the first failure is told: what was built is closed then.
    const building = [...added, ...changed].flatMap((name) => {
      const config = providers[name]
      return config === undefined ? [] : [this.#build(name, config)]
    })
    let failure: PromiseRejectedResult | undefined
    for (const built of await Promise.allSettled(building)) {
      if (built.status === 'rejected') failure ??= built
      else {
        undo.defer(() => this.#close(built.value))
        after.set(built.value.name, built.value)
      }
    }
    if (failure !== undefined) throw failure.reason
    const undone = undo.move()
    return {
      all: after,
      commit: () => {
        for (const name of changed) this.#succeed(name, after.get(name), providers[name])
        this.#all = after
        this.#configs = providers
      },
      abandon: () => undone.disposeAsync(),
      closeFormer: () => {
        for (const source of before.values()) if (after.get(source.name) !== source) this.#closeBehind(source)
      },
    }
  }

  async close(): Promise<void> {
    await Promise.all([...this.#closing, ...[...this.#all.values()].map((source) => this.#close(source))])
  }

  async #build(name: string, config: ProviderConfig): Promise<Source> {
    const { makeProvider, clock, random, log } = this.#options
    const { maxCallsPerSecond, maxConcurrentCalls, maxQueuedCalls } = config
    const warn = (message: string): void => log.warn({ provider: name }, message)
    const source: Source = new Source(name, await makeProvider(config, { name, clock, warn }), clock, {
      random,
      limits: { maxCallsPerSecond, maxConcurrentCalls, maxQueuedCalls },
      onBreaker: (event) => {
        // What another took the place of has no say any more.
        if (this.#all.get(name) === source) this.onBreaker(event)
      },
    })
    return source
  }

  #succeed(name: string, source: Source | undefined, config: ProviderConfig | undefined): void {
    const [former, before] = [this.#all.get(name), this.#configs[name]]
    if (former === undefined || source === undefined || former === source) return
    source.succeed(former, backendOf(before) === backendOf(config))
  }

  #closeBehind(source: Source): void {
    const closing = this.#close(source).then(() => {
      this.#closing.delete(closing)
    })
    this.#closing.add(closing)
  }

  async #close(source: Source): Promise<void> {
    try {
      await source.close()
    } catch (err) {
      this.#options.log.warn({ provider: source.name, err }, 'provider did not close in order')
    }
  }
}

/** What is asked under a configuration. Another credential or another path are no reason for it to forget who asks. */
function backendOf(config: ProviderConfig | undefined): string | undefined {
  return config?.type === 'http' ? URL.parse(config.url)?.origin : config?.type
}
