import { DescribeParametersCommand, type SSMClient } from '@aws-sdk/client-ssm'
import { eachOfPages, type Page, tooMany } from './paging.ts'
import { literalPrefixes } from './prefixes.ts'
import type { AwsSession } from './session.ts'

const operation = 'DescribeParameters'

/** How many parameters a page may have (API reference, DescribeParameters). */
const pageSize = 50

/** What a name may begin with. */
const possible = /^[\w./-]{0,1011}$/

/** The names of the parameters that may fit the patterns, without their values. */
export async function listParameters(
  session: AwsSession<SSMClient>,
  maxSecrets: number,
  patterns: readonly string[],
  signal: AbortSignal,
): Promise<string[]> {
  const names = new Set<string>()
  for (const prefix of literalPrefixes(patterns, possible)) {
    const place = session.place(operation)
    const fetchPage = (token: string | undefined): Promise<Page<string | undefined>> =>
      listPage(session, prefix, token, signal)
    await eachOfPages({ place, most: maxSecrets, fetchPage }, (name) => {
      if (name !== undefined) names.add(name)
    })
    if (names.size > maxSecrets) throw tooMany(place, maxSecrets)
  }
  return [...names]
}

async function listPage(
  session: AwsSession<SSMClient>,
  prefix: string,
  token: string | undefined,
  signal: AbortSignal,
): Promise<Page<string | undefined>> {
  const input = {
    MaxResults: pageSize,
    NextToken: token,
    ...(prefix !== '' && { ParameterFilters: [{ Key: 'Name', Option: 'BeginsWith', Values: [prefix] }] }),
  }
  const { Parameters = [], NextToken: next } = await session.call(
    {
      name: operation,
      send: (client, options) => client.send(new DescribeParametersCommand(input), options),
    },
    signal,
  )
  return { items: Parameters.map(({ Name: name }) => name), next }
}
