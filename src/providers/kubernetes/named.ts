import type { KubernetesProviderConfig } from '../../config/schema.ts'
import { type Fetched, type Provider, type ProviderContext, ProviderError } from '../../secrets/provider.ts'
import { throwIfAborted } from '../shared/aborted.ts'
import { fetchEach, wipe } from '../shared/each.ts'
import { isJsonObject, parseJson } from '../shared/json.ts'
import { Malformed } from '../shared/malformed.ts'
import type { Cluster } from './cluster.ts'
import { fetchedOf, notAKey } from './fetched.ts'
import { isSecretName, parseKey, type SecretKey } from './key.ts'
import { listAll } from './list.ts'
import { absent, metadataOf } from './metadata.ts'
import { type SecretObject, secretOf } from './secret.ts'
import type { Random } from './watch/keep.ts'
import { NamedWatches } from './watch/named-watches.ts'

type Fetches = Map<string, Fetched | ProviderError>

/** Keys that one call may ask for: those of one Secret are to come together, and a call is still a small one. */
const batchSize = 32

/** Secrets that are read, and watched, each by its name: what a Role with `resourceNames` permits. */
export class NamedSecrets {
  readonly #cluster: Cluster
  readonly #config: KubernetesProviderConfig
  readonly #place: string
  readonly #watches: NamedWatches | undefined

  constructor(cluster: Cluster, config: KubernetesProviderConfig, context: ProviderContext, random: Random) {
    const { maxBody, maxWatches } = config
    this.#cluster = cluster
    this.#config = config
    this.#place = `provider "${context.name}"`
    this.#watches = config.watch
      ? new NamedWatches({ cluster, context, random, maxWatches, maxBody })
      : undefined
  }

  provider(): Provider {
    const watches = this.#watches
    return {
      batchSize,
      fetch: (keys, signal) => this.#fetch(keys, signal),
      listKeys: (patterns, signal) => this.#listKeys(patterns, signal),
      ...(watches && { watch: (changed, signal) => watches.watch(changed, signal) }),
      close: () => this.#cluster.close(),
    }
  }

  /** One request a Secret, however many of its entries are asked for. */
  async #fetch(keys: readonly string[], signal: AbortSignal): Promise<Fetches> {
    throwIfAborted(signal, this.#place)
    const results: Fetches = new Map()
    const byName = new Map<string, SecretKey[]>()
    for (const key of keys) {
      const parsed = parseKey(key)
      if (parsed === undefined) results.set(key, notAKey(key, this.#place))
      else byName.set(parsed.name, [...(byName.get(parsed.name) ?? []), parsed])
    }
    const answers = await fetchEach(
      byName.keys(),
      async (name) => ({ all: await this.#fetchSecret(name, byName.get(name) ?? [], signal) }),
      ({ all }) => all.forEach(wipe),
    )
    for (const [name, answer] of answers) {
      for (const { key } of byName.get(name) ?? []) {
        const brought = answer instanceof ProviderError ? answer : answer.all.get(key)
        if (brought !== undefined) results.set(key, brought)
      }
    }
    return results
  }

  /**
   * A pattern with a slash stands for entries; one without it for whole Secrets, which are listed without their data. The
   * entries of a Secret that a pattern names in full are read from it: that needs no right to list.
   */
  async #listKeys(patterns: readonly string[], signal: AbortSignal): Promise<readonly string[]> {
    throwIfAborted(signal, this.#place)
    const keys = new Set<string>()
    const names = new Set<string>()
    let [wantsNames, wantsEntries] = [false, false]
    for (const pattern of patterns) {
      const [name = '', ...rest] = pattern.split('/')
      if (rest.length === 0) wantsNames = true
      else if (name.includes('*')) wantsEntries = true
      else if (isSecretName(name)) names.add(name)
    }
    if (wantsNames || wantsEntries) {
      for (const key of await this.#list(wantsEntries, signal)) keys.add(key)
    }
    if (wantsEntries) return [...keys]
    for (const name of names) for (const key of await this.#entries(name, signal)) keys.add(key)
    return [...keys]
  }

  async #fetchSecret(name: string, keys: readonly SecretKey[], signal: AbortSignal): Promise<Fetches> {
    this.#watches?.asked(name, keys)
    try {
      return await this.#get(
        name,
        (secret, place) => {
          this.#watches?.fetched(name, keys, secret.stamp)
          return new Map(keys.map((key) => [key.key, fetchedOf(secret, key, place)]))
        },
        signal,
      )
    } catch (error) {
      if (error instanceof ProviderError && error.kind === 'missing')
        this.#watches?.fetched(name, keys, absent)
      throw error
    }
  }

  async #get<T>(
    name: string,
    read: (secret: SecretObject, place: string) => T,
    signal: AbortSignal,
  ): Promise<T> {
    return await this.#cluster.ask(
      { verb: 'get', name, withData: true },
      (body, place) => {
        const secret = secretOf(parseJson(body))
        if (secret.name !== name) throw new Malformed('it is another Secret than was asked for')
        return read(secret, place)
      },
      signal,
    )
  }

  async #entries(name: string, signal: AbortSignal): Promise<string[]> {
    try {
      return await this.#get(
        name,
        ({ entries }) =>
          entries
            .keys()
            .map((entry) => `${name}/${entry}`)
            .toArray(),
        signal,
      )
    } catch (error) {
      if (error instanceof ProviderError && error.kind === 'missing') return []
      throw error
    }
  }

  async #list(withData: boolean, signal: AbortSignal): Promise<string[]> {
    const { maxBody, maxSecrets } = this.#config
    const item = (object: Record<string, unknown>): string[] => {
      const { name } = metadataOf(object)
      const data = withData && isJsonObject(object.data) ? object.data : {}
      return [name, ...Object.keys(data).map((entry) => `${name}/${entry}`)]
    }
    const { items } = await listAll(this.#cluster, { query: {}, withData, maxBody, maxSecrets, item }, signal)
    return items.flat()
  }
}
