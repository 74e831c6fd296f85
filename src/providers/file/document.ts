import { extname } from 'node:path'
import { type Fetched, ProviderError } from '../../secrets/provider.ts'
import { SecretValue } from '../../secrets/secret.ts'
import { isJsonObject, jsonSecret, parseJson, utf8Text } from '../shared/json.ts'
import { Malformed } from '../shared/malformed.ts'
import { parseDotenv } from './dotenv.ts'
import type { Entries } from './entries.ts'

export type DocumentFormat = 'json' | 'yaml' | 'dotenv'

const byExtension: Readonly<Record<string, DocumentFormat>> = {
  '.json': 'json',
  '.yaml': 'yaml',
  '.yml': 'yaml',
  '.env': 'dotenv',
}

/** The format that a file's name tells: its extension, or `.env` and `.env.local` as dotenv files are called. */
export function formatOf(path: string): DocumentFormat {
  const name = path.slice(path.lastIndexOf('/') + 1)
  const format = /^\.env(?:\.|$)/.test(name) ? 'dotenv' : byExtension[extname(name).toLowerCase()]
  if (format !== undefined) return format
  throw new Malformed('its name does not tell its format. Set format to json, yaml or dotenv')
}

/**
 * The secrets of one file: a flat mapping of names and values, values that are no strings JSON-encoded. Throws
 * `Malformed` where the file as a whole cannot be read.
 */
export async function parseDocument(
  bytes: Buffer,
  format: DocumentFormat,
  maxSecrets: number,
  place: string,
): Promise<Map<string, Fetched | ProviderError>> {
  const secrets = new Map<string, Fetched | ProviderError>()
  for (const [name, value] of await entriesOf(bytes, format)) {
    if (secrets.size === maxSecrets) {
      throw new Malformed(`it holds more than ${maxSecrets} secrets. Raise maxSecrets`, 'oversized')
    }
    secrets.set(name, orError(value, `${place}: the value of "${name}"`))
  }
  return secrets
}

async function entriesOf(bytes: Buffer, format: DocumentFormat): Promise<Entries> {
  switch (format) {
    case 'json': {
      const json = parseJson(bytes)
      if (!isJsonObject(json)) throw new Malformed('it is no JSON object of names and values')
      return Object.entries(json).map(([name, value]) => [name, () => jsonSecret(value)] as const)
    }
    case 'yaml':
      // Its parser is loaded for those who use it.
      return (await import('./yaml.ts')).parseYaml(utf8Text(bytes))
    case 'dotenv':
      return [...parseDotenv(utf8Text(bytes))].map(
        ([name, value]) => [name, () => SecretValue.fromText(value)] as const,
      )
  }
}

function orError(value: () => SecretValue, place: string): Fetched | ProviderError {
  try {
    return { value: value() }
  } catch (error) {
    if (!(error instanceof Malformed)) throw error
    return new ProviderError('unavailable', error.reason, `${place} cannot be read: ${error.message}.`)
  }
}
