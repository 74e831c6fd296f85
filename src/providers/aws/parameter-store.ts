import { SSMClient } from '@aws-sdk/client-ssm'
import type { AwsParameterStoreConfig } from '../../config/schema.ts'
import type { Fetched, Provider, ProviderContext } from '../../secrets/provider.ts'
import { fetchEach } from '../shared/each.ts'
import { narrow } from '../shared/narrow.ts'
import { fetchGroups, fetchTogether, mayFailBatch, type Results } from './batches.ts'
import { AwsFailure } from './failure.ts'
import { Loners } from './loners.ts'
import { fetchBatch, fetchParameter, largestBatch } from './parameter-batch.ts'
import { noKey, parseParameterKey } from './parameter-key.ts'
import { listParameters } from './parameter-list.ts'
import { fetchPath } from './parameter-path.ts'
import { AwsSession } from './session.ts'

/** Parameters of AWS Systems Manager: by their names, or with `path` all that are below it. */
export function createAwsParameterStore(config: AwsParameterStoreConfig, context: ProviderContext): Provider {
  const session = new AwsSession(config, context, 'ssm', (settings) => new SSMClient(settings))
  const close = (): Promise<void> => session.close()
  const { path, maxSecrets } = config
  if (path !== undefined) {
    const fetchAll = (signal: AbortSignal): Promise<Results> => fetchPath(session, path, maxSecrets, signal)
    return {
      fetch: async (keys, signal) =>
        narrow(await fetchAll(signal), keys, session.place('GetParametersByPath')),
      fetchAll,
      close,
    }
  }
  const reader = new ParameterReader(session, context)
  return {
    batchSize: largestBatch,
    fetch: (keys, signal) => reader.fetch(keys, signal),
    listKeys: (patterns, signal) => listParameters(session, maxSecrets, patterns, signal),
    close,
  }
}

class ParameterReader {
  readonly #session: AwsSession<SSMClient>
  readonly #context: ProviderContext
  readonly #loners: Loners

  constructor(session: AwsSession<SSMClient>, context: ProviderContext) {
    this.#session = session
    this.#context = context
    this.#loners = new Loners(context.clock)
  }

  async fetch(keys: readonly string[], signal: AbortSignal): Promise<Results> {
    const { groups, alone, impossible } = this.#grouped(keys)
    const fetchOne = (key: string): Promise<Fetched> => this.#fetchOne(key, signal)
    const results = await fetchGroups(groups, (group) =>
      fetchTogether(group, {
        fetchBatch: (batch) => fetchBatch(this.#session, batch, signal),
        fetchOne,
      }),
    )
    for (const [key, result] of await fetchEach(alone, fetchOne)) results.set(key, result)
    for (const key of impossible) results.set(key, noKey(`provider "${this.#context.name}"`, key))
    return results
  }

  async #fetchOne(key: string, signal: AbortSignal): Promise<Fetched> {
    try {
      const fetched = await fetchParameter(this.#session, key, signal)
      this.#loners.delete(key)
      return fetched
    } catch (error) {
      if (error instanceof AwsFailure && mayFailBatch(error)) this.#loners.add(key)
      throw error
    }
  }

  /** In each group every parameter comes once, under whichever key. */
  #grouped(keys: readonly string[]): { groups: string[][]; alone: string[]; impossible: string[] } {
    const groups: { readonly keys: string[]; readonly names: Set<string> }[] = []
    const alone: string[] = []
    const impossible: string[] = []
    for (const key of new Set(keys)) {
      const name = parseParameterKey(key)?.name
      if (name === undefined) impossible.push(key)
      else if (this.#loners.has(key)) alone.push(key)
      else {
        const group = groups.find((one) => one.keys.length < largestBatch && !one.names.has(name))
        if (group === undefined) groups.push({ keys: [key], names: new Set([name]) })
        else {
          group.keys.push(key)
          group.names.add(name)
        }
      }
    }
    return { groups: groups.map((group) => group.keys), alone, impossible }
  }
}
