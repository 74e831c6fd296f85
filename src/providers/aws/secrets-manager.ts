import { GetSecretValueCommand, SecretsManagerClient } from '@aws-sdk/client-secrets-manager'
import type { AwsSecretsManagerConfig } from '../../config/schema.ts'
import type { Fetched, Provider, ProviderContext } from '../../secrets/provider.ts'
import { fetchEach } from '../shared/each.ts'
import { fetchGroups, fetchTogether, inChunks, type Results } from './batches.ts'
import { AwsFailure } from './failure.ts'
import { fetchBatch, largestBatch } from './secret-batch.ts'
import { fetchedSecret, overwriteBinary } from './secret-entry.ts'
import { noKey, parseSecretKey } from './secret-key.ts'
import { listSecrets } from './secret-list.ts'
import { AwsSession } from './session.ts'

/** Milliseconds for which secrets are asked for one by one where batches are denied. */
const withoutBatches = 15 * 60_000

/** Secrets of AWS Secrets Manager. What is wanted in its current version is fetched in batches. */
export function createAwsSecretsManager(config: AwsSecretsManagerConfig, context: ProviderContext): Provider {
  const session = new AwsSession(
    config,
    context,
    'secretsmanager',
    (settings) => new SecretsManagerClient(settings),
  )
  const reader = new SecretReader(session, context)
  return {
    batchSize: largestBatch,
    fetch: (keys, signal) => reader.fetch(keys, signal),
    listKeys: (patterns, signal) => listSecrets(session, config, patterns, signal),
    close: () => session.close(),
  }
}

class SecretReader {
  readonly #session: AwsSession<SecretsManagerClient>
  readonly #context: ProviderContext
  /** On the monotonic clock. */
  #noBatchesUntil = Number.NEGATIVE_INFINITY
  #hasWarned = false

  constructor(session: AwsSession<SecretsManagerClient>, context: ProviderContext) {
    this.#session = session
    this.#context = context
  }

  async fetch(keys: readonly string[], signal: AbortSignal): Promise<Results> {
    const plain: string[] = []
    const pinned: string[] = []
    const impossible: string[] = []
    for (const key of new Set(keys)) {
      const parsed = parseSecretKey(key)
      if (parsed === undefined) impossible.push(key)
      else (parsed.id === key ? plain : pinned).push(key)
    }
    const place = `provider "${this.#context.name}"`
    const results = await fetchGroups(
      [...inChunks(plain, largestBatch), ...inChunks(pinned, largestBatch)],
      (group) => this.#fetchGroup(group, signal),
    )
    for (const key of impossible) results.set(key, noKey(place, key))
    return results
  }

  async #fetchGroup(keys: readonly string[], signal: AbortSignal): Promise<Results> {
    const fetchOne = (key: string): Promise<Fetched> => this.#fetchOne(key, signal)
    const arePlain = keys.every((key) => parseSecretKey(key)?.id === key)
    if (!arePlain || this.#context.clock.now() < this.#noBatchesUntil) return await fetchEach(keys, fetchOne)
    return await fetchTogether(keys, { fetchBatch: (group) => this.#fetchBatch(group, signal), fetchOne })
  }

  async #fetchBatch(keys: readonly string[], signal: AbortSignal): Promise<Results> {
    try {
      return await fetchBatch(this.#session, keys, signal)
    } catch (error) {
      if (error instanceof AwsFailure && error.obstacle === 'permission') this.#doWithout(error)
      throw error
    }
  }

  /** What is denied of a batch as a whole is the batch: of single secrets it tells apart. */
  #doWithout(error: AwsFailure): void {
    this.#noBatchesUntil = this.#context.clock.now() + withoutBatches
    if (this.#hasWarned) return
    this.#hasWarned = true
    this.#context.warn(
      `${error.message} Until then each secret is asked for alone, which takes up to ${largestBatch} times as many calls. The action knows no single secrets: it has to be allowed on "*".`,
    )
  }

  async #fetchOne(key: string, signal: AbortSignal): Promise<Fetched> {
    const { id, stage, version } = parseSecretKey(key) ?? { id: key }
    const name = 'GetSecretValue'
    const entry = await this.#session.call(
      {
        name,
        key,
        send: (client, options) =>
          client.send(
            new GetSecretValueCommand({ SecretId: id, VersionStage: stage, VersionId: version }),
            options,
          ),
      },
      signal,
    )
    try {
      return fetchedSecret(this.#session.place(name), key, entry)
    } finally {
      overwriteBinary([entry])
    }
  }
}
