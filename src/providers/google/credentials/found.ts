import { isAbsent, StringSource } from '../../../config/source.ts'
import { CodedError } from '../../../errors.ts'
import { ProviderError } from '../../../secrets/provider.ts'
import { isObject, parsed } from './json.ts'

/** Credentials as a JSON object. */
export interface Found {
  readonly json: Readonly<Record<string, unknown>>
  /** For messages: the provider, the option or variable that named the place, and the place. */
  readonly place: string
}

export interface Where {
  /** The provider's name in the configuration. */
  readonly name: string
  readonly credentials: StringSource | undefined
  readonly env: NodeJS.ProcessEnv
}

/**
 * The credentials that are configured, or the default ones of an application (AIP-4110): the file that
 * GOOGLE_APPLICATION_CREDENTIALS names, else that of `gcloud auth application-default login`. Undefined where there are
 * none, and the metadata server is to be asked. Rejects with a ProviderError (*credential*) that names the place.
 */
export async function findCredentials({ name, credentials, env }: Where): Promise<Found | undefined> {
  const reading = (source: StringSource, option: string) => read(source, `provider "${name}": ${option}`)
  if (credentials !== undefined) return await reading(credentials, 'credentials')
  const named = env.GOOGLE_APPLICATION_CREDENTIALS
  if (named !== undefined && named !== '') {
    return await reading(new StringSource({ file: named }, 'text'), 'GOOGLE_APPLICATION_CREDENTIALS')
  }
  const folder = gcloudFolder(env)
  if (folder === undefined) return undefined
  const file = `${folder}/application_default_credentials.json`
  return await reading(new StringSource({ file }, 'text'), 'the credentials of gcloud').catch(ifAbsent)
}

function gcloudFolder({ CLOUDSDK_CONFIG, HOME }: NodeJS.ProcessEnv): string | undefined {
  if (CLOUDSDK_CONFIG !== undefined && CLOUDSDK_CONFIG !== '') return CLOUDSDK_CONFIG
  return HOME === undefined || HOME === '' ? undefined : `${HOME}/.config/gcloud`
}

function ifAbsent(error: unknown): undefined {
  if (!(error instanceof Absent)) throw error
}

/** There is no such file, which is as good as none being named where nobody named it. */
class Absent extends ProviderError {}

async function read(source: StringSource, option: string): Promise<Found> {
  const text = await source.read().catch((error: unknown) => {
    // The message of a coded error is made to be shown; what else may be thrown is not known to be.
    const words = error instanceof CodedError ? error.message : `${source.describe()} cannot be read.`
    const kind = isAbsent(error) ? Absent : ProviderError
    throw new kind('unavailable', 'credential', `${option}: ${words}`)
  })
  const place = `${option}: ${source.describe()}`
  const json = parsed(text)
  if (!isObject(json)) throw unusable({ place }, 'is no JSON object. Is this the right file?')
  return { json, place }
}

/** The credentials are there, and of no use. */
export function unusable({ place }: Pick<Found, 'place'>, words: string): ProviderError {
  return new ProviderError('unavailable', 'credential', `${place} ${words}`)
}
