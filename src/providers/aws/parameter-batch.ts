import { GetParametersCommand, type Parameter, type SSMClient } from '@aws-sdk/client-ssm'
import { type Fetched, ProviderError } from '../../secrets/provider.ts'
import { SecretValue } from '../../secrets/secret.ts'
import { notFound } from '../shared/narrow.ts'
import type { Results } from './batches.ts'
import { objectsOf, textsOf } from './members.ts'
import { parameterName, parseParameterKey } from './parameter-key.ts'
import type { AwsSession } from './session.ts'

/** How many parameters one call may ask for (API reference, GetParameters). */
export const largestBatch = 10

const operation = 'GetParameters'

/**
 * Several parameters in one call, each of them once. A key that the answer says nothing of is not in the result. Rejects
 * with a ProviderError where the call as a whole failed: one parameter that is denied is enough.
 */
export async function fetchBatch(
  session: AwsSession<SSMClient>,
  keys: readonly string[],
  signal: AbortSignal,
): Promise<Results> {
  const [only] = keys
  const command = new GetParametersCommand({ Names: [...keys], WithDecryption: true })
  const { parameters, invalid } = await session.call(
    {
      name: operation,
      // Of one key alone, what is denied is that key.
      ...(keys.length === 1 && only !== undefined && { key: only }),
      send: async (client, options) => {
        const { Parameters, InvalidParameters } = await client.send(command, options)
        return { parameters: objectsOf(Parameters), invalid: textsOf(InvalidParameters) }
      },
    },
    signal,
  )
  const place = session.place(operation)
  const found = new Map(parameters.map((parameter) => [parameterName(String(parameter.Name)), parameter]))
  const missing = new Set(invalid.map((named) => parseParameterKey(named)?.name))
  const results: Results = new Map()
  for (const key of keys) {
    const name = parseParameterKey(key)?.name ?? ''
    const parameter = found.get(name)
    if (missing.has(name)) results.set(key, notFound(place, key))
    else if (parameter !== undefined) results.set(key, fetchedParameter(place, key, parameter))
  }
  return results
}

/** One parameter, also where it would fail a batch. Rejects with a ProviderError. */
export async function fetchParameter(
  session: AwsSession<SSMClient>,
  key: string,
  signal: AbortSignal,
): Promise<Fetched> {
  const result = (await fetchBatch(session, [key], signal)).get(key)
  if (result === undefined) {
    const words = `the answer says nothing of "${key}". Check endpoint`
    throw new ProviderError('unavailable', 'malformed', `${session.place(operation)}: ${words}.`)
  }
  if (result instanceof ProviderError) throw result
  return result
}

/** A parameter's value as text, a StringList as it is written. */
export function fetchedParameter(
  place: string,
  key: string,
  { Value: text, Version: version }: Parameter,
): Fetched | ProviderError {
  // Half of a surrogate pair would silently become U+FFFD in UTF-8.
  if (typeof text !== 'string' || !text.isWellFormed()) {
    return new ProviderError('unavailable', 'malformed', `${place}: "${key}" has no value that can be read.`)
  }
  // A secret that is read through the Parameter Store has the version 0.
  return {
    value: SecretValue.fromText(text),
    ...(typeof version === 'number' && version > 0 && { version: String(version) }),
  }
}
