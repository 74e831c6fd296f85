import {
  BatchGetSecretValueCommand,
  type BatchGetSecretValueCommandOutput,
  type SecretsManagerClient,
  type SecretValueEntry,
} from '@aws-sdk/client-secrets-manager'
import { type Fetched, ProviderError } from '../../secrets/provider.ts'
import { failureOf } from './failure.ts'
import { objectsOf, textOf } from './members.ts'
import { eachOfPages, type Page } from './paging.ts'
import { fetchedSecret, overwriteBinary } from './secret-entry.ts'
import { isNamed } from './secret-key.ts'
import type { AwsSession } from './session.ts'

/** How many secrets one call may ask for (API reference, BatchGetSecretValue). */
export const largestBatch = 20

type ApiError = NonNullable<BatchGetSecretValueCommandOutput['Errors']>[number]

/**
 * The current versions of several secrets, by name or ARN, in one call. A key that the answer says nothing of is not in
 * the result. Rejects with a ProviderError where the call as a whole failed.
 */
export async function fetchBatch(
  session: AwsSession<SecretsManagerClient>,
  keys: readonly string[],
  signal: AbortSignal,
): Promise<Map<string, Fetched | ProviderError>> {
  const entries: SecretValueEntry[] = []
  const errors: ApiError[] = []
  try {
    await eachOfPages(
      {
        place: session.place('BatchGetSecretValue'),
        // A name and an ARN that mean the same may be answered once each.
        most: largestBatch * 2,
        fetchPage: async (token) => {
          const page = await batchPage(session, keys, token, signal)
          errors.push(...page.errors)
          return page
        },
      },
      (entry) => entries.push(entry),
    )
    return matched(session, keys, entries, errors)
  } finally {
    overwriteBinary(entries)
  }
}

async function batchPage(
  session: AwsSession<SecretsManagerClient>,
  keys: readonly string[],
  token: string | undefined,
  signal: AbortSignal,
): Promise<Page<SecretValueEntry> & { errors: readonly ApiError[] }> {
  const command = new BatchGetSecretValueCommand({ SecretIdList: [...keys], NextToken: token })
  return await session.call(
    {
      name: 'BatchGetSecretValue',
      send: async (client, options) => {
        const { SecretValues, Errors, NextToken } = await client.send(command, options)
        return { items: objectsOf(SecretValues), errors: objectsOf(Errors), next: textOf(NextToken) }
      },
    },
    signal,
  )
}

function matched(
  session: AwsSession<SecretsManagerClient>,
  keys: readonly string[],
  entries: readonly SecretValueEntry[],
  errors: readonly ApiError[],
): Map<string, Fetched | ProviderError> {
  const results = new Map<string, Fetched | ProviderError>()
  for (const key of keys) {
    const entry = entries.find((one) => isNamed(key, one))
    if (entry !== undefined) {
      results.set(
        key,
        orError(() => fetchedSecret(session.place('BatchGetSecretValue'), key, entry)),
      )
      continue
    }
    const error = errors.find(({ SecretId: id }) => isNamed(key, { ARN: id, Name: id }))
    if (error === undefined) continue
    // What is denied of one secret is the right to read it.
    const asked = session.asked('GetSecretValue', key)
    results.set(key, failureOf(asked, { code: String(error.ErrorCode), text: String(error.Message) }))
  }
  return results
}

function orError(fetched: () => Fetched): Fetched | ProviderError {
  try {
    return fetched()
  } catch (error) {
    if (error instanceof ProviderError) return error
    throw error
  }
}
