import { GetParametersByPathCommand, type Parameter, type SSMClient } from '@aws-sdk/client-ssm'
import { ProviderError } from '../../secrets/provider.ts'
import { SecretValue } from '../../secrets/secret.ts'
import type { Results } from './batches.ts'
import { objectsOf, textOf } from './members.ts'
import { eachOfPages, type Page } from './paging.ts'
import { fetchedParameter } from './parameter-batch.ts'
import type { AwsSession } from './session.ts'

const operation = 'GetParametersByPath'

/** How many parameters a page may have (API reference, GetParametersByPath). */
const pageSize = 10

/** All parameters below a path, by their full names. Rejects with a ProviderError where one page could not be had. */
export async function fetchPath(
  session: AwsSession<SSMClient>,
  path: string,
  maxSecrets: number,
  signal: AbortSignal,
): Promise<Results> {
  const results: Results = new Map()
  const fetchPage = (token: string | undefined): Promise<Page<Parameter>> =>
    pathPage(session, path, token, signal)
  try {
    await eachOfPages({ place: session.place(operation), most: maxSecrets, fetchPage }, (parameter) => {
      const name = String(parameter.Name)
      const former = results.get(name)
      if (former !== undefined) wipe(former)
      results.set(name, fetchedParameter(session.place(operation), name, parameter))
    })
    return results
  } catch (error) {
    for (const result of results.values()) wipe(result)
    throw error
  }
}

async function pathPage(
  session: AwsSession<SSMClient>,
  path: string,
  token: string | undefined,
  signal: AbortSignal,
): Promise<Page<Parameter>> {
  const command = new GetParametersByPathCommand({
    // AWS takes it with and without a slash at its end, and what imitates it does not always.
    Path: path.length > 1 ? path.replace(/\/$/, '') : path,
    Recursive: true,
    WithDecryption: true,
    MaxResults: pageSize,
    NextToken: token,
  })
  return await session.call(
    {
      name: operation,
      send: async (client, options) => {
        const { Parameters, NextToken } = await client.send(command, options)
        return { items: objectsOf(Parameters), next: textOf(NextToken) }
      },
    },
    signal,
  )
}

function wipe(result: object): void {
  if (!(result instanceof ProviderError) && 'value' in result && result.value instanceof SecretValue)
    result.value.wipe()
}
