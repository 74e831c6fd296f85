import type { KubernetesProviderConfig } from '../../config/schema.ts'
import { type Fetched, type Provider, type ProviderContext, ProviderError } from '../../secrets/provider.ts'
import { notFound } from '../shared/narrow.ts'
import type { Cluster } from './cluster.ts'
import { fetchedOf } from './fetched.ts'
import { listAll } from './list.ts'
import { type SecretObject, secretOf } from './secret.ts'
import { keepWatching, type Random } from './watch/keep.ts'
import { Troubles } from './watch/troubles.ts'
import { untilAborted } from './watch/until-aborted.ts'

type Fetches = Map<string, Fetched | ProviderError>

/** The Secrets that a label selector matches: one list for all of them, and one watch. */
export class SelectedSecrets {
  readonly #cluster: Cluster
  readonly #config: KubernetesProviderConfig
  readonly #selector: string
  readonly #context: ProviderContext
  readonly #random: Random
  readonly #lists = new ListVersions()

  constructor(
    cluster: Cluster,
    config: KubernetesProviderConfig,
    selector: string,
    context: ProviderContext,
    random: Random,
  ) {
    this.#cluster = cluster
    this.#config = config
    this.#selector = selector
    this.#context = context
    this.#random = random
  }

  provider(): Provider {
    return {
      fetch: (keys, signal) => this.#fetch(keys, signal),
      fetchAll: (signal) => this.#fetchAll(signal),
      ...(this.#config.watch && { watch: (changed, signal) => this.#watch(changed, signal) }),
      close: () => this.#cluster.close(),
    }
  }

  async #fetchAll(signal: AbortSignal): Promise<Fetches> {
    const { maxBody, maxSecrets } = this.#config
    const { items, version } = await listAll(
      this.#cluster,
      {
        query: { labelSelector: this.#selector },
        selector: this.#selector,
        withData: true,
        maxBody,
        maxSecrets,
        item: secretOf,
      },
      signal,
    )
    const secrets = this.#keysOf(items)
    this.#lists.listed(version)
    return secrets
  }

  async #fetch(keys: readonly string[], signal: AbortSignal): Promise<Fetches> {
    const all = await this.#fetchAll(signal)
    const wanted = new Map(keys.map((key) => [key, all.get(key) ?? notFound(this.#place, key)]))
    for (const [key, other] of all) {
      if (!wanted.has(key) && !(other instanceof ProviderError)) other.value.wipe()
    }
    return wanted
  }

  get #place(): string {
    return `provider "${this.#context.name}": the list of Secrets with ${this.#selector}`
  }

  #keysOf(items: readonly SecretObject[]): Fetches {
    const secrets: Fetches = new Map()
    for (const secret of items) {
      const { name } = secret
      if (secrets.has(name)) {
        throw new ProviderError('unavailable', 'malformed', `${this.#place} names a Secret twice.`)
      }
      secrets.set(name, fetchedOf(secret, { key: name, name, entry: undefined }, this.#place))
      for (const entry of secret.entries.keys()) {
        const key = `${name}/${entry}`
        secrets.set(key, fetchedOf(secret, { key, name, entry }, this.#place))
      }
    }
    return secrets
  }

  async #watch(changed: () => void, signal: AbortSignal): Promise<void> {
    await untilAborted(
      keepWatching(
        {
          cluster: this.#cluster,
          context: this.#context,
          random: this.#random,
          troubles: new Troubles(this.#context),
          selector: this.#selector,
          query: { labelSelector: this.#selector },
          // It begins where a list ends that the refresher asked for, so that none is asked for twice.
          begin: (inner) => this.#lists.next(changed, inner),
          observed: () => changed(),
        },
        signal,
      ),
      signal,
    )
  }
}

/** The version of the last list, for the watch to go on from. */
class ListVersions {
  #unused: string | undefined
  #isFirst = true
  #waiting: ((version: string) => void) | undefined

  listed(version: string): void {
    if (this.#waiting === undefined) this.#unused = version
    else this.#waiting(version)
    this.#waiting = undefined
  }

  /** That of a list which no watch has begun at yet; where there is none, `changed` calls for one. */
  async next(changed: () => void, signal: AbortSignal): Promise<string> {
    const version = this.#unused
    const isFirst = this.#isFirst
    this.#unused = undefined
    this.#isFirst = false
    if (version !== undefined) return version
    const { promise, resolve } = Promise.withResolvers<string>()
    const abort = (): void => resolve('')
    this.#waiting = resolve
    signal.addEventListener('abort', abort, { once: true })
    // At the start one is under way already.
    if (!isFirst) changed()
    try {
      return await promise
    } finally {
      signal.removeEventListener('abort', abort)
      if (this.#waiting === resolve) this.#waiting = undefined
    }
  }
}
