import { type Filter, ListSecretsCommand, type SecretsManagerClient } from '@aws-sdk/client-secrets-manager'
import type { AwsSecretsManagerConfig } from '../../config/schema.ts'
import { inChunks } from './batches.ts'
import { objectsOf, textOf } from './members.ts'
import { eachOfPages, type Page, tooMany } from './paging.ts'
import { literalPrefixes } from './prefixes.ts'
import type { AwsSession } from './session.ts'

/** How many prefixes one list may be narrowed to (API reference, Filter). */
const valuesPerFilter = 10

/** How many secrets a page may have. */
const pageSize = 100

/** What a name may begin with. */
const possible = /^[\w/+=.@!-]{0,512}$/

/** The names of the secrets that may fit the patterns, and that the configured filters let through. */
export async function listSecrets(
  session: AwsSession<SecretsManagerClient>,
  { filters = [], maxSecrets }: Pick<AwsSecretsManagerConfig, 'filters' | 'maxSecrets'>,
  patterns: readonly string[],
  signal: AbortSignal,
): Promise<string[]> {
  const names = new Set<string>()
  const configured = filters.map(({ key, values }): Filter => ({ Key: key, Values: [...values] }))
  for (const prefixes of inChunks(literalPrefixes(patterns, possible), valuesPerFilter)) {
    const wanted: Filter[] = prefixes.includes('') ? [] : [{ Key: 'name', Values: prefixes }]
    const place = session.place('ListSecrets')
    const fetchPage = (token: string | undefined): Promise<Page<string | undefined>> =>
      listPage(session, [...wanted, ...configured], token, signal)
    await eachOfPages({ place, most: maxSecrets, fetchPage }, (name) => {
      if (name !== undefined) names.add(name)
    })
    if (names.size > maxSecrets) throw tooMany(place, maxSecrets)
  }
  return [...names]
}

async function listPage(
  session: AwsSession<SecretsManagerClient>,
  filters: Filter[],
  token: string | undefined,
  signal: AbortSignal,
): Promise<Page<string | undefined>> {
  const command = new ListSecretsCommand({
    MaxResults: pageSize,
    NextToken: token,
    ...(filters.length > 0 && { Filters: filters }),
  })
  return await session.call(
    {
      name: 'ListSecrets',
      send: async (client, options) => {
        const { SecretList, NextToken } = await client.send(command, options)
        return { items: objectsOf(SecretList).map(({ Name: name }) => textOf(name)), next: textOf(NextToken) }
      },
    },
    signal,
  )
}
