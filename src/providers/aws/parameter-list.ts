import { DescribeParametersCommand, type SSMClient } from '@aws-sdk/client-ssm'
import { objectsOf, textOf } from './members.ts'
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
  const command = new DescribeParametersCommand({
    MaxResults: pageSize,
    NextToken: token,
    ...(prefix !== '' && { ParameterFilters: [{ Key: 'Name', Option: 'BeginsWith', Values: [prefix] }] }),
  })
  return await session.call(
    {
      name: operation,
      send: async (client, options) => {
        const { Parameters, NextToken } = await client.send(command, options)
        return { items: objectsOf(Parameters).map(({ Name: name }) => textOf(name)), next: textOf(NextToken) }
      },
    },
    signal,
  )
}
