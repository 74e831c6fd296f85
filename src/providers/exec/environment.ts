import type { ExecProviderConfig } from '../../config/schema.ts'
import type { StringSource } from '../../config/source.ts'
import { CodedError } from '../../errors.ts'
import { leastEnvironment } from '../../programs/environment.ts'
import { ProviderError } from '../../secrets/provider.ts'

/**
 * The whole environment of the program. Nothing else of the sidecar's own comes along. Rejects with a ProviderError (*credential*).
 *
 * @param own the sidecar's own environment
 */
export async function environmentOf(
  { env = {}, passEnv = [] }: Pick<ExecProviderConfig, 'env' | 'passEnv'>,
  own: NodeJS.ProcessEnv,
  place: string,
): Promise<Record<string, string>> {
  const all = new Map(Object.entries(leastEnvironment(own)))
  for (const name of passEnv) {
    const value = Object.hasOwn(own, name) ? own[name] : undefined
    if (value !== undefined) all.set(name, value)
  }
  for (const [name, source] of Object.entries(env)) all.set(name, await read(source, `env.${name}`, place))
  return Object.fromEntries(all)
}

async function read(source: StringSource, option: string, place: string): Promise<string> {
  const failure = (words: string): ProviderError =>
    new ProviderError('unavailable', 'credential', `${place}: ${option}: ${words}`)
  let value: string
  try {
    value = await source.read()
  } catch (error) {
    // The message of a coded error is made to be shown; what else may be thrown is not known to be.
    throw failure(error instanceof CodedError ? error.message : `${source.describe()} cannot be read.`)
  }
  // Node would refuse it too, with an error that quotes the value.
  if (value.includes('\0')) {
    throw failure(`${source.describe()} holds the character NUL, which no environment variable can.`)
  }
  return value
}
