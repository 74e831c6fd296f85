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
  const at = (option: string): string => `provider "${name}": ${option}`
  if (credentials !== undefined) return await read(credentials, at('credentials'), credentials.describe())
  const named = env.GOOGLE_APPLICATION_CREDENTIALS
  if (named !== undefined && named !== '') {
    const variable = at('GOOGLE_APPLICATION_CREDENTIALS')
    if (named.trimStart().startsWith('{')) {
      throw unusable({ place: variable }, 'holds the JSON itself, and wants the path of a file. Name that.')
    }
    return await read(new StringSource({ file: named }, 'text'), variable, 'the file that it names')
  }
  const { folder, from } = gcloudFolder(env)
  if (folder === undefined) return undefined
  const source = new StringSource({ file: `${folder}/application_default_credentials.json` }, 'text')
  const words = `application_default_credentials.json in ${from}`
  return await read(source, at('the credentials of gcloud'), words).catch(ifAbsent)
}

/** The folder, and what messages call it: what a variable holds may be anything, a key that was put there by mistake too. */
function gcloudFolder({ CLOUDSDK_CONFIG, HOME }: NodeJS.ProcessEnv): { folder?: string; from: string } {
  if (CLOUDSDK_CONFIG !== undefined && CLOUDSDK_CONFIG !== '') {
    return { folder: CLOUDSDK_CONFIG, from: 'the folder of CLOUDSDK_CONFIG' }
  }
  const from = '.config/gcloud of HOME'
  return HOME === undefined || HOME === '' ? { from } : { folder: `${HOME}/.config/gcloud`, from }
}

function ifAbsent(error: unknown): undefined {
  if (!(error instanceof Absent)) throw error
}

/** There is no such file, which is as good as none being named where nobody named it. */
class Absent extends ProviderError {}

/** `called` is what messages call the source. */
async function read(source: StringSource, option: string, called: string): Promise<Found> {
  const text = await source.read().catch((error: unknown) => {
    const kind = isAbsent(error) ? Absent : ProviderError
    throw new kind('unavailable', 'credential', `${option}: ${called} ${whatIsWrong(source, error)}`)
  })
  const place = `${option}: ${called}`
  const json = parsed(text)
  if (!isObject(json)) throw unusable({ place }, 'is no JSON object. Is this the right file?')
  return { json, place }
}

/** The message of a coded error is made to be shown, after the place; what else may be thrown is not known to be. */
function whatIsWrong(source: StringSource, error: unknown): string {
  const place = `${source.describe()} `
  return error instanceof CodedError && error.message.startsWith(place)
    ? error.message.slice(place.length)
    : 'cannot be read.'
}

/** The credentials are there, and of no use. */
export function unusable({ place }: Pick<Found, 'place'>, words: string): ProviderError {
  return new ProviderError('unavailable', 'credential', `${place} ${words}`)
}
