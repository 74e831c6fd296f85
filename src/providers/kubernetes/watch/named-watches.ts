import type { ProviderContext } from '../../../secrets/provider.ts'
import type { Cluster } from '../cluster.ts'
import type { SecretKey } from '../key.ts'
import { listAll } from '../list.ts'
import { absent, type Metadata, metadataOf } from '../metadata.ts'
import { keepWatching, type Random } from './keep.ts'
import { Troubles } from './troubles.ts'
import { untilAborted } from './until-aborted.ts'
import { Wanted, type WantedSecret } from './wanted.ts'

export interface NamedWatchesOptions {
  readonly cluster: Cluster
  readonly context: ProviderContext
  readonly random: Random
  readonly maxWatches: number
  readonly maxBody: number
}

/** Milliseconds between two looks at what is wanted still. */
const sweepEvery = 60_000

interface Watching {
  readonly changed: (key?: string) => void
  readonly signal: AbortSignal
  readonly failed: (error: unknown) => void
}

/** One watch for each Secret that is read by its name, so that a Role with `resourceNames` permits it. */
export class NamedWatches {
  readonly #options: NamedWatchesOptions
  readonly #troubles: Troubles
  readonly #wanted: Wanted
  #watching: Watching | undefined

  constructor(options: NamedWatchesOptions) {
    const { context, maxWatches: max } = options
    const troubles = new Troubles(context)
    this.#options = options
    this.#troubles = troubles
    this.#wanted = new Wanted({ clock: context.clock, max, crowded: () => troubles.crowded(max) })
  }

  /** A fetch of keys of a Secret begins. */
  asked(name: string, keys: readonly SecretKey[]): void {
    this.#wanted.asked(name, keys)
  }

  /** It brought a state of the Secret. */
  fetched(name: string, keys: readonly SecretKey[], stamp: string): void {
    const { isNew, outdated } = this.#wanted.fetched(name, keys, stamp)
    const watching = this.#watching
    if (watching === undefined) return
    if (isNew !== undefined) this.#start(isNew, watching)
    for (const key of outdated) watching.changed(key)
  }

  /** As the contract of a provider has it. */
  async watch(changed: (key?: string) => void, signal: AbortSignal): Promise<void> {
    const { promise: broken, reject: failed } = Promise.withResolvers<never>()
    const over = new AbortController()
    const watching = { changed, signal: AbortSignal.any([signal, over.signal]), failed }
    this.#watching = watching
    for (const secret of this.#wanted.all()) this.#start(secret, watching)
    const stopSweeping = this.#sweep(changed)
    try {
      await untilAborted(broken, signal)
    } finally {
      stopSweeping()
      over.abort()
      this.#watching = undefined
    }
  }

  #start(secret: WantedSecret, { changed, signal, failed }: Watching): void {
    const { cluster, context, random } = this.#options
    const { name, ended } = secret
    const query = { fieldSelector: `metadata.name=${name}` }
    const observed = (which: string, stamp: string): void => {
      for (const key of this.#wanted.observed(which, stamp)) changed(key)
    }
    const begin = async (inner: AbortSignal): Promise<string> => {
      const { items, version } = await this.#list(name, query, inner)
      observed(name, items.find((item) => item.name === name)?.stamp ?? absent)
      return version
    }
    const either = AbortSignal.any([signal, ended.signal])
    keepWatching(
      { cluster, context, random, troubles: this.#troubles, name, query, begin, observed },
      either,
    ).catch(failed)
  }

  #list(name: string, query: Readonly<Record<string, string>>, signal: AbortSignal) {
    const { cluster, maxBody } = this.#options
    return listAll<Metadata>(
      cluster,
      { query, name, withData: false, maxBody, maxSecrets: 1, item: metadataOf },
      signal,
    )
  }

  /** @returns what ends it */
  #sweep(changed: (key: string) => void): () => void {
    const { clock } = this.#options.context
    const next = () =>
      clock.setTimer(() => {
        for (const key of this.#wanted.sweep()) changed(key)
        timer = next()
      }, sweepEvery)
    let timer = next()
    return () => timer.cancel()
  }
}
